"""`make verify-*`: the package on a system that it is meant for, in a container of that system's official image.

The steps are those of a site, from its repositories to the removal of the package; they run on a testnode.node.Node,
which the container is.
"""
