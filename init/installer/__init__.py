"""Installs and runs an instance of a release: the part that is the same for every bundle.

Standard library only. `init/bundle.json` lists the services of a bundle; see `service/`.
"""
