"""Where each end-to-end test was run: kept with its result in pytest's record, from which docs/tested.md is made."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from testnode import modular, recipe
from testnode.machine import Machine
from testnode.node import Node

PLACE = "place"  # the name of the property
_PROGRAMS = {
    "condor": "HTCondor",
    "libvirt-daemon": "libvirt",
    modular.PACKAGE: "libvirt's modular daemons",
    "qemu-system-x86": "QEMU",
    "rpm": "rpm",
}
_VERSION = re.compile(r"^Package: (\S+)\n(?:.+\n)*?Version: (?:\d+:)?([0-9.]*[0-9])", re.MULTILINE)


def places(values: Iterable[object]) -> set[str]:
    """Return where a test runs, in words, by the values of its fixtures."""
    return {_place(node.root, _kind(node)) for node in _nodes(values)}


def _nodes(values: Iterable[object]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, dict):
            yield from _nodes(value.values())
        elif type(value).__module__.startswith(("e2e.", "testnode.")):
            # what has nodes: stages.Installed, the Worker and Ended of several tests, a pool
            yield from _nodes(getattr(value, "__dict__", {}).values())


def _kind(node: Node) -> str:
    if isinstance(node, Machine):
        return "an emulated machine"
    return "a node" if node.name == recipe.HOSTNAME else "a pool of nodes"


@functools.cache
def _place(root: Path, kind: str) -> str:
    """Return a node in words. Cached by its root, which another node, or another boot, does not have."""
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    found = {_PROGRAMS[name]: version for name, version in _VERSION.findall(status) if name in _PROGRAMS}
    return f"{kind} with " + ", ".join(f"{name} {version}" for name, version in sorted(found.items()))
