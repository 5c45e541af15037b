"""Check a qcow2 header's extensions and the name of its backing file.

They are specified in QEMU's docs/interop/qcow2, "Header extensions", and read as in qcow2_read_extensions() of QEMU's
block/qcow2.c.
"""

from ..text import printable, to_bytes, to_text
from .checker import CONVERT, DECRYPT, HAS_BITMAPS, OTHER_FILE, RECREATE, Checker, autoclear_features, is_v3, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_END, _BACKING_FORMAT, _BITMAPS, _FEATURE_NAMES = 0, 0xE2792ACA, 0x23852875, 0x6803F857
_ENCRYPTION, _DATA_FILE_NAME = 0x0537BE77, 0x44415441
_MAX_NAME, _MAX_FORMAT = 1023, 15
_MAX_BITMAPS = 65535
# What QEMU writes, in bytes: the fields of versions 2 and 3, an extension's type and length, the names of all features,
# which it omits in clusters of at most 4 KiB
_V2_LENGTH, _V3_LENGTH, _EXTENSION = 72, 112, 8
_NAMES, _CLUSTER_WITHOUT_NAMES = 8 * 48, 4096


class Extensions:
    """What follows the fields of a header."""

    __slots__ = ("are_rewritten", "backing", "backing_format", "bitmaps", "length")

    def __init__(self, backing: str, backing_format: str, bitmaps: bytes, are_rewritten: bool, length: int) -> None:
        self.backing = backing  # name of the backing file, "" if there is none
        self.backing_format = backing_format  # `raw` or `qcow2`, "" without a backing file
        self.bitmaps = bitmaps  # data of the extension for bitmaps, b"" if there are none
        # QEMU rewrites the header when it opens the image read-write: bitmaps are then in use, or known to be outdated
        self.are_rewritten = are_rewritten
        self.length = length  # of the header that QEMU then writes, bytes


def read(head: bytes, at: int, cluster: int, check: Checker) -> Extensions:
    """Check the extensions of a header.

    head: the file's first bytes; at: offset where the extensions begin; cluster: bytes. Raises SpecificationError.
    """
    backing_format, bitmaps, is_rewritten, format_length = "", b"", False, 0
    length = max(at, _V3_LENGTH) if is_v3(head) else _V2_LENGTH
    if is_v3(head) and cluster > _CLUSTER_WITHOUT_NAMES:
        length += _EXTENSION + _NAMES
    for kind, data in _extensions(head, at, cluster, check):
        # each one, also if repeated: QEMU uses the last one, but reads them all
        check(kind != _DATA_FILE_NAME, "data_file", OTHER_FILE, CONVERT)
        check(kind != _ENCRYPTION, "encrypted", "is encrypted, and a job has no key for it", DECRYPT)
        if kind == _BACKING_FORMAT:
            backing_format = data.decode("latin-1")
            format_length = _EXTENSION + _padded(len(data.partition(b"\0")[0]))
            check(len(data) <= _MAX_FORMAT, "backing_format", "has an invalid name of a backing format", RECREATE)
        elif kind == _BITMAPS:
            used = bool(autoclear_features(head) & HAS_BITMAPS)
            sound = _are_bitmaps(data, cluster, used)
            check(sound, "header_extensions", "has a header extension for bitmaps that is damaged", RECREATE)
            bitmaps, is_rewritten = data if used else b"", True
        elif kind != _FEATURE_NAMES:
            length += _EXTENSION + _padded(len(data))
    backing = _backing_name(head, cluster, at, check)
    length += format_length + (_EXTENSION + len(bitmaps) if bitmaps else 0) + _EXTENSION + len(to_bytes(backing))
    if not backing:
        return Extensions("", "", bitmaps, is_rewritten, length)
    check(
        backing_format in ("raw", "qcow2"),
        "backing_format",
        f"gives '{printable(backing_format)}' as its backing file's format; raw and qcow2 can be staged",
        "qemu-img rebase -u -F FORMAT -b BACKING_FILE {}",
    )
    return Extensions(backing, backing_format, bitmaps, is_rewritten, length)


def _padded(length: int) -> int:
    return -(-length // 8) * 8


def _extensions(head: bytes, at: int, cluster: int, check: Checker) -> "Iterator[tuple[int, bytes]]":
    """Yield (type, data) of each header extension: 4 bytes each for type and length, data padded to 8; type 0 ends."""
    end = min(cluster, number(head, 8, 8) or cluster)
    while at < end:
        kind, length = number(head, at, 4), number(head, at + 4, 4)
        at += 8
        # QEMU would read on after `head` ends: nothing may be there that is not checked here
        check(
            at + length <= min(end, len(head)),
            "header_extensions",
            "has a header extension that does not end within the header",
            RECREATE,
        )
        if kind == _END:
            return
        yield kind, head[at : at + length]
        at += _padded(length)


def _are_bitmaps(data: bytes, cluster: int, used: bool) -> bool:
    """Return whether QEMU accepts the extension for bitmaps; if they are not used, only its length matters."""
    return len(data) == 24 and (
        not used
        or (
            0 < number(data, 0, 4) <= _MAX_BITMAPS
            and number(data, 4, 4) == 0
            and 0 < number(data, 8, 8) <= 1024 * _MAX_BITMAPS
            and number(data, 16, 8) % cluster == 0
        )
    )


def _backing_name(head: bytes, cluster: int, header_length: int, check: Checker) -> str:
    offset, length = number(head, 8, 8), number(head, 16, 4)
    if not offset:
        return ""
    inside = header_length <= offset and offset + length <= min(cluster, len(head))
    check(
        0 < length <= _MAX_NAME and inside,
        "backing_name",
        "has a backing file's name that is not within its header",
        RECREATE,
    )
    name = head[offset : offset + length]
    shown = printable(to_text(name))
    check(b"\0" not in name, "backing_name", f"has a backing file '{shown}', whose name contains a NUL", RECREATE)
    # QEMU treats the text before a colon as a protocol, unless a slash comes first; json:{…} is one of them
    plain = b":" not in name.partition(b"/")[0]
    check(plain, "backing_name", f"has a backing file '{shown}', which is not a path but a QEMU protocol", CONVERT)
    return to_text(name)
