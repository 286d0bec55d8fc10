"""Stores of an instance's data, a module for each kind; bundle/store.py has their contract."""
