"""The local page on which readers read."""
