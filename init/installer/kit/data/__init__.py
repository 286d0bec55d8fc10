"""Stores of an instance's data, a module for each kind; what they promise is in bundle/store.py."""
