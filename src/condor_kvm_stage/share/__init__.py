"""What may hang: paths on a share, mounts, and the child in which a share is touched.

The plug-in imports this at every start: plugin/__init__.py says what may be imported here.
"""
