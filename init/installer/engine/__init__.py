"""The course of a run: session, plan, changes, applying them, and the service's life cycle."""
