"""Is this file an image that may become a disk? Inspection by our own code, overlays, and qemu-img.

The plug-in imports this at every start: plugin/__init__.py says what may be imported here.
"""
