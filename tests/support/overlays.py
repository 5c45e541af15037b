"""What the tests of overlays have in common: to make one, and to take a qcow2 file without data apart."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from condor_kvm_stage.images import qcow2_overlay
from hostile import CLUSTER, FIELDS

FEATURE_NAMES = 0x6803F857  # the header extension that QEMU writes and we do not


def write(path: Path, base: str | Path, base_format: str, size: int) -> Path:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        qcow2_overlay.write(descriptor, str(base), base_format, size)
    finally:
        os.close(descriptor)
    return path


@dataclasses.dataclass(frozen=True)
class Parts:
    """All that is in a qcow2 file: the header's fields, its extensions, the backing file's name; what is behind it.

    Without where the name is, which depends on the extensions.
    """

    fields: dict[str, int]
    extensions: dict[int, bytes]
    backing: bytes
    behind: bytes

    def without_feature_names(self) -> Parts:
        rest = {kind: data for kind, data in self.extensions.items() if kind != FEATURE_NAMES}
        return dataclasses.replace(self, extensions=rest)


def parts(content: bytes) -> Parts:
    """Take a file's content apart. Fails if there is more in it than Parts can say."""
    fields = {name: number(content, *place) for name, place in FIELDS.items()}
    extensions: dict[int, bytes] = {}
    at = fields["header_length"]
    assert not any(content[105:at])
    while kind := number(content, at, 4):
        length = number(content, at + 4, 4)
        assert kind not in extensions
        extensions[kind] = content[at + 8 : at + 8 + length]
        end = at + 8 + length
        at = -(-end // 8) * 8
        assert not any(content[end:at])
    assert number(content, at + 4, 4) == 0
    assert fields.pop("backing_file_offset") == at + 8
    end = at + 8 + fields["backing_file_size"]
    assert not any(content[end:CLUSTER])
    return Parts(fields, extensions, content[at + 8 : end], content[CLUSTER:])


def number(content: bytes, offset: int, length: int) -> int:
    return int.from_bytes(content[offset : offset + length], "big")
