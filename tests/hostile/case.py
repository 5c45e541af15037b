"""What a case is: an image that must be refused, and by which check; and the usual ways to make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .builder import MIB, Extension, qcow2


def put(path: Path, content: bytes = bytes(MIB)) -> Path:
    """Write a file that all may read. Without a content it is a sound raw image."""
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o755)
    path.write_bytes(content)
    path.chmod(0o644)
    return path


@dataclass(frozen=True)
class Case:
    """build: writes into an empty directory, and returns the path to stage. check: the check that must refuse it, ""
    for none but the errno `code`. policy: the site's, where DIR is that directory. sparse: it must be able to hold a
    file of 8 EiB. names: what the message must name, if it is not the path to stage.
    """

    name: str
    check: str
    build: Callable[[Path], Path]
    policy: str = ""
    code: int = 0
    sparse: bool = False
    names: str = ""

    def __str__(self) -> str:
        return self.name


# QEMU then runs as libvirt's user, so that all must be able to read an image
NOT_GUARDED = "[guest]\nguarded = false\n"


def holding(content: bytes) -> Callable[[Path], Path]:
    return lambda directory: put(directory / "image", content)


def header(name: str, check: str, *extensions: Extension, version: int = 3, **fields: int) -> Case:
    return Case(
        name, check, lambda directory: put(directory / "image", qcow2(version, b"", None, extensions, (), **fields))
    )


def patched(name: str, check: str, *patches: tuple[int, bytes]) -> Case:
    return Case(name, check, lambda directory: put(directory / "image", qcow2(patches=patches)))


def backed(name: str, check: str, backing: bytes, backing_format: bytes | None = b"raw", **fields: int) -> Case:
    def build(directory: Path) -> Path:
        return put(directory / "image", qcow2(3, backing, backing_format, (), (), **fields))

    return Case(name, check, build)
