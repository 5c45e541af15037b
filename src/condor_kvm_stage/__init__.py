"""Run HTCondor's VM universe on a node: stage images (plugin), define guests (domain), configure the node (genconfig).

The three programs stand side by side, and none imports another. What two of them need lies below them: images, share,
policy, leftovers, and the modules beside this file. The contracts in pyproject.toml hold the layers ([tool.importlinter]).
"""

__version__ = "0.1.0"
