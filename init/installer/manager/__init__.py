"""The service manager of the host: systemd, its units, and what starts the service at boot without it."""
