"""The interface of a bundle to the installer, and the rendering of its files."""
