"""What the host is and has: processes, network, accounts, space, time, limits."""
