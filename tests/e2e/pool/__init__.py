"""Nodes that form a pool."""
