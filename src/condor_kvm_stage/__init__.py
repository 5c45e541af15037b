"""Run HTCondor's VM universe on a node: stage images (plugin), define guests (domain), configure the node (genconfig).

The programs stand side by side, and none imports another. What two of them need lies below them: images, share,
policy, leftovers, and the modules beside this file. [tool.importlinter] in pyproject.toml holds the layers.
"""

__version__ = "0.1.0"
