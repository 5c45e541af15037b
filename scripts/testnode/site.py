"""What tests change on a node for a while, as its administrator would: the site's policy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .node import Node

POLICY = "/etc/condor-kvm-stage/config.toml"


@contextlib.contextmanager
def policy(node: Node, text: str) -> Iterator[None]:
    """Give the node a policy, until the context ends."""
    path = node.root / POLICY.lstrip("/")
    before = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
