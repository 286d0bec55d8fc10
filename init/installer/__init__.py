"""Installs and runs an instance of a release: the part that is the same for every bundle.

Standard library only. What a bundle serves is listed in `init/bundle.json`; see `service/`.
"""
