"""A node that watches itself."""
