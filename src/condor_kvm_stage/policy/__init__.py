"""The site's policy, which all three programs read: its keys with their defaults, its reader, and a cache."""
