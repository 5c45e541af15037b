"""What a node has in its file system, to be compared."""

from __future__ import annotations

from testnode.node import Node

# Logs, caches, and the state of dnf, rpm and HTCondor change all the time
CHANGING = [
    *["/var/log", "/var/cache", "/var/lib/dnf", "/var/lib/rpm", "/usr/lib/sysimage/rpm"],
    *["/var/lib/condor", "/var/spool/condor"],
]


def files_of(node: Node) -> set[str]:
    """Return every file and directory of the node's own file system, but for those in CHANGING."""
    return _found(node, [])


def written_since(node: Node, marker: str) -> set[str]:
    """Return those of the files that were written after a file `marker` was."""
    return _found(node, ["-not", "-type", "d", "-newer", marker])


def _found(node: Node, test: list[str]) -> set[str]:
    prune = [word for path in CHANGING for word in ("-path", path, "-prune", "-o")]
    return set(node.run(["find", "/", "-xdev", *prune, *test, "-print"], timeout=120).stdout.splitlines())
