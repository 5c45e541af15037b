"""tools/verify's steps on the test node's root instead of an image of a target: a program, for test_verification.py.

For podman its mount namespace must be its own, with control groups of version 2 alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from testnode import root, signals
from verification import cli, record, targets

# HTCondor and rpm's view of it are there; rpmlint is not, and nothing is to be had from a repository
_PACKAGER = targets.Packager(("true",), ("dnf", "--assumeyes", "install"), ("dnf", "--assumeyes", "remove"))


def main() -> int:
    """Take the steps, in a container, or with a second argument here. Returns the number of those that failed."""
    signals.exit_on_request(1)
    path = Path(sys.argv[1])
    if len(sys.argv) > 2:
        return cli.verify_here(targets.Target("node", (), _PACKAGER), "", path).count(record.FAILED)
    with root.cached() as lower:
        target = targets.Target("node", ("--rootfs", f"{lower}:O"), _PACKAGER)
        return cli.verify(target, "", path).count(record.FAILED)


if __name__ == "__main__":
    sys.exit(main())
