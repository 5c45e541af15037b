"""Evidence that a job's disk is what we claim: read with qemu-img on the node, not with our own code."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .node import Node


def backing_chain(node: Node, path: str) -> list[dict[str, Any]]:
    """Return qemu-img's description of each image of the chain, the overlay first (`qemu-img info`, JSON)."""
    text = node.run(["qemu-img", "info", "--backing-chain", "--output=json", path]).stdout
    chain: list[dict[str, Any]] = json.loads(text)
    return chain


def check(node: Node, path: str) -> str:
    """Return the output of `qemu-img check` for a qcow2 file without errors. Raises CommandError if it has."""
    return node.run(["qemu-img", "check", path]).stdout.splitlines()[0]


def disk_content(node: Node, path: str) -> bytes:
    """Return the disk that a guest sees in an image and the files under it."""
    raw = "/var/tmp/disk-content.raw"
    node.run(["qemu-img", "convert", "-O", "raw", path, raw])
    content = (node.root / raw.lstrip("/")).read_bytes()
    (node.root / raw.lstrip("/")).unlink()
    return content


def sha256(node: Node, path: str) -> str:
    """Return the SHA-256 of a file on the node, in hexadecimal."""
    return hashlib.sha256((node.root / path.lstrip("/")).read_bytes()).hexdigest()
