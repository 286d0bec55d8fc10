"""What a bundle offers to the installer, and how its files are rendered."""
