"""Image files that must not become a disk, each made by code: a table of named cases, and the builder behind them.

`case` says what a case is, `builder` makes the qcow2 images. The cases are in `chains` (what an image leads to),
`foreign` (other formats), `headers` (what a qcow2 header says), `partial` (interrupted copies), `files` (types, sizes
and permissions), `places` (directories and paths) and `tables` (snapshots and bitmaps; also disks that a guest writes
to).
"""

from __future__ import annotations

from . import chains, files, foreign, headers, partial, places, tables
from .builder import BACKING_FORMAT, BITMAPS, CLUSTER, FIELDS, MIB, UNKNOWN_EXTENSION, qcow2, write_field
from .case import Case, put
from .foreign import FOREIGN, TEXTS

CASES = [*chains.CASES, *foreign.CASES, *headers.CASES, *partial.CASES, *files.CASES, *places.CASES, *tables.CASES]
# The checks that no case is about, because they do not look at an image alone: where a file may be written
# (tests/unit/plugin/test_upload_places.py), whether an image has the format that its job says, whether a program
# writes to it (tests/unit/plugin/test_stage.py), and whether QEMU can do so (tests/unit/images/test_written_images.py)
CHECKS_WITHOUT_A_CASE = {"output_dirs", "format_mismatch", "in_use", "locks", "header_space", "ticket"}

__all__ = [
    "BACKING_FORMAT",
    "BITMAPS",
    "CASES",
    "CHECKS_WITHOUT_A_CASE",
    "CLUSTER",
    "FIELDS",
    "FOREIGN",
    "MIB",
    "TEXTS",
    "UNKNOWN_EXTENSION",
    "Case",
    "put",
    "qcow2",
    "write_field",
]
