"""The host's service manager: systemd and its units, and ways to start the service at boot without it."""
