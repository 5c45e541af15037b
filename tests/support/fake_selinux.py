"""selinuxfs as a policy would answer, and labels of files: this kernel may have no SELinux."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import selinux

GUEST = "system_u:system_r:svirt_t:s0"
_CLASSES = {"file": (6, {"read": 2, "open": 17}), "dir": (7, {"search": 23})}


def label(file_type: str) -> str:
    return f"system_u:object_r:{file_type}:s0"


def mount(
    root: Path,
    patch: pytest.MonkeyPatch,
    labels: Callable[[str], str],
    allowed: Callable[[str, str], int],
    flags: int = 0,
) -> list[str]:
    """Put a selinuxfs at `root`. labels: a path's type. allowed: the bits for a target's type and a class.

    Returns the questions, as they are asked.
    """
    asked: list[str] = []
    (root / "enforce").parent.mkdir(parents=True, exist_ok=True)
    (root / "enforce").write_text("1")
    for name, (index, permissions) in _CLASSES.items():
        place = root / "class" / name / "perms"
        place.mkdir(parents=True)
        (place.parent / "index").write_text(str(index))
        for permission, bit in permissions.items():
            (place / permission).write_text(str(bit))

    def transact(question: bytes) -> bytes:
        asked.append(question.decode())
        _, target, number = question.decode().split()
        (name,) = [name for name, (index, _) in _CLASSES.items() if index == int(number)]
        return f"{allowed(target.split(':')[2], name):x} ffffffff 0 ffffffff 7 {flags:x}".encode()

    patch.setattr(selinux, "_ROOT", str(root))
    patch.setattr(selinux, "_transact", transact)
    patch.setattr(os, "getxattr", lambda path, _: label(labels(str(path))).encode() + b"\0")
    return asked


def bits(name: str, *permissions: str) -> int:
    """Return the bits of permissions of a class."""
    return sum(1 << _CLASSES[name][1][permission] - 1 for permission in permissions)
