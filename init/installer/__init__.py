"""Installs and runs an instance of a release: the part that is the same for every bundle.

Standard library only. What belongs to one bundle (its templates, daemons and first boot) is the package
that `init/bundle.json` names; see `product.py` for what it offers.
"""
