"""How a run goes: the session, the plan, its changes, how they are applied, and the life of the service."""
