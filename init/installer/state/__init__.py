"""The disk: the release, the instance and its records.

No other room touches files below directories that others may write to.
"""
