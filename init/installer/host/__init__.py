"""The host: processes, network, accounts, space, time, limits."""
