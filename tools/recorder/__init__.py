"""Recorded hosts: what the generator sees on a node, as a folder of files, without private data."""
