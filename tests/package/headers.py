"""The headers of built packages, read with RPM's own Python binding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import rpm


def read(package: Path) -> Any:
    """Return the header of a package."""
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES)  # it is signed only when a repository is made of it
    descriptor = os.open(package, os.O_RDONLY)
    try:
        return transaction.hdrFromFdno(descriptor)
    finally:
        os.close(descriptor)


def dependencies(header: Any, kind: str) -> set[str]:
    """Return what a package requires, recommends, and so on, without what RPM adds on its own account."""
    found = {entry.DNEVR()[2:] for entry in rpm.ds(header, kind)}
    return {name for name in found if not name.startswith(("rpmlib(", "config("))}
