"""Run HTCondor's VM universe on a worker: stage images as overlays (plugin), configure the node (genconfig)."""

__version__ = "0.1.0"
