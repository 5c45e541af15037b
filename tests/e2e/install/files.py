"""What a node has in its file system, to be compared."""

from __future__ import annotations

from testnode import dnf
from testnode.node import Node

# What changes all the time: the state of dnf and rpm, and that of a system and an HTCondor that run
CHANGING = [*(f"/{path}" for path in dnf.KEPT), "/var/log", "/var/cache", "/var/lib/condor", "/var/spool/condor"]


def files_of(node: Node) -> set[str]:
    """Return every file and directory of the node's own file system, but for those in CHANGING."""
    return _found(node, [])


def written_since(node: Node, marker: str) -> set[str]:
    """Return those of the files that were written after a file `marker` was."""
    return _found(node, ["-not", "-type", "d", "-newer", marker])


def _found(node: Node, test: list[str]) -> set[str]:
    prune = [word for path in CHANGING for word in ("-path", path, "-prune", "-o")]
    return set(node.run(["find", "/", "-xdev", *prune, *test, "-print"], timeout=120).stdout.splitlines())
