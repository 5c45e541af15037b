"""Recognise a file's format by its content, never by its name. Files that match several formats are refused."""

from ..failures import SpecificationError

# Bytes to read of a file: the signature with the largest offset is that of an ISO image (ECMA-119, section 8.4).
HEAD = 0x8800
TAIL = 512

# (format, offset, signature), from QEMU's block drivers and file(1)'s magic
_FORMATS = (
    ("qcow2", 0, b"QFI\xfb"),
    ("qed", 0, b"QED\0"),
    ("vmdk", 0, b"KDMV"),
    ("vmdk", 0, b"COWD"),
    ("vmdk", 0, b"# Disk DescriptorFile"),
    ("vhdx", 0, b"vhdxfile"),
    ("vpc", 0, b"conectix"),
    ("vdi", 0x40, b"\x7f\x10\xda\xbe"),
    ("luks", 0, b"LUKS\xba\xbe"),
    ("parallels", 0, b"WithoutFreeSpace"),
    ("parallels", 0, b"WithouFreSpacExt"),
    ("bochs", 0, b"Bochs Virtual HD Image"),
    ("cloop", 0, b"#!/bin/sh\n#V2.0 Format\n"),
    ("gzip", 0, b"\x1f\x8b"),
    ("xz", 0, b"\xfd7zXZ\0"),
    ("zstd", 0, b"\x28\xb5\x2f\xfd"),
    ("bzip2", 0, b"BZh"),
    ("zip", 0, b"PK\3\4"),
    ("tar", 257, b"ustar"),
)
# (format, signature) of formats with a footer, which is the last TAIL bytes
_FOOTERS = (("vpc", b"conectix"), ("dmg", b"koly"))
# Signatures of raw disks; a container of another format does not have them at these offsets.
_ISO = (0x8001, b"CD001")
_RAW = (("MBR", 510, b"\x55\xaa"), ("GPT", 512, b"EFI PART"), ("ISO", *_ISO))

_UNPACK = {
    "gzip": "gzip -dk",
    "xz": "xz -dk",
    "zstd": "zstd -dk",
    "bzip2": "bzip2 -dk",
    "zip": "unzip",
    "tar": "tar -xf",
}


def recognise(head: bytes, tail: bytes, what: str, path: str) -> str:
    """Return the format of a file, `raw` or `qcow2`, from its first HEAD and last TAIL bytes (or all, if it has fewer).

    what, path: see Checker.
    Raises SpecificationError (checks `format`, `polyglot`).
    """
    found = {name for name, offset, magic in _FORMATS if head.startswith(magic, offset)}
    if len(tail) == TAIL:
        found |= {name for name, magic in _FOOTERS if tail.startswith(magic)}
    if not found:
        return "raw"
    raw = [name for name, offset, magic in _RAW if head.startswith(magic, offset)]
    if len(found) > 1 or (found == {"qcow2"} and raw):
        names = ", ".join(sorted(found) + raw)
        raise SpecificationError(
            f"{what} matches more than one format ({names}), so programs would disagree about what is in it; "
            "recreate it from its source, as a qcow2 image with clusters of 64 KiB",
            check="polyglot",
        )
    (name,) = found
    if name != "qcow2":
        raise SpecificationError(
            f"{what} has the format {name}; raw and qcow2 can be staged; convert it: {_remedy(name, path)}",
            check="format",
        )
    return name


def is_iso(head: bytes) -> bool:
    """Return whether a raw image's first HEAD bytes are those of an ISO image."""
    offset, magic = _ISO
    return head.startswith(magic, offset)


def _remedy(name: str, path: str) -> str:
    if name in _UNPACK:
        return f"{_UNPACK[name]} {path}"
    if name == "luks":
        return (
            "qemu-img convert --object secret,id=key,file=passphrase.txt --image-opts "
            f"driver=luks,key-secret=key,file.filename={path} -O qcow2 new.qcow2"
        )
    return f"qemu-img convert -f {name} -O qcow2 {path} new.qcow2"
