"""Recognise a file's format by its content, never by its name. Files that match several formats are refused."""

from ..failures import SpecificationError

# Bytes to read of a file: the signature with the largest offset is that of an ISO image (ECMA-119, section 8.4).
HEAD = 0x8800
TAIL = 512

_CONVERT = "convert it: qemu-img convert -f {name} -O qcow2 {path} new.qcow2"
_DECRYPT = (
    "convert it: qemu-img convert --object secret,id=key,file=passphrase.txt --image-opts "
    "driver=luks,key-secret=key,file.filename={path} -O qcow2 new.qcow2"
)
_NO_IMAGE = "name the image file"

# (format, offset, signature, advice) of QEMU's image formats, which may refer to other files
_IMAGES = (
    ("qcow2", 0, b"QFI\xfb", ""),
    ("qed", 0, b"QED\0", _CONVERT),
    ("vmdk", 0, b"KDMV", _CONVERT),
    ("vmdk", 0, b"COWD", _CONVERT),
    ("vmdk", 0, b"# Disk DescriptorFile", _CONVERT),
    ("vhdx", 0, b"vhdxfile", _CONVERT),
    ("vpc", 0, b"conectix", _CONVERT),
    ("vdi", 0x40, b"\x7f\x10\xda\xbe", _CONVERT),
    ("luks", 0, b"LUKS\xba\xbe", _DECRYPT),
    ("parallels", 0, b"WithoutFreeSpace", _CONVERT),
    ("parallels", 0, b"WithouFreSpacExt", _CONVERT),
    ("bochs", 0, b"Bochs Virtual HD Image", _CONVERT),
    ("cloop", 0, b"#!/bin/sh\n#V2.0 Format\n", _CONVERT),
)
# (format, signature, advice) of formats with a footer, which is the last TAIL bytes
_FOOTERS = (("vpc", b"conectix", _CONVERT), ("dmg", b"koly", _CONVERT))
# As _IMAGES, of what is not a disk. A guest may still want to read it byte by byte: `format=raw` allows that.
_OTHERS = (
    ("gzip", 0, b"\x1f\x8b", "unpack it: gzip -dk {path}"),
    ("xz", 0, b"\xfd7zXZ\0", "unpack it: xz -dk {path}"),
    ("lzma", 0, b"\x5d\0\0\x80\0\xff\xff\xff\xff", "unpack it: xz -dk --format=lzma {path}"),
    ("zstd", 0, b"\x28\xb5\x2f\xfd", "unpack it: zstd -dk {path}"),
    ("zstd", 0, b"\x50\x2a\x4d\x18", "unpack it: zstd -dk {path}"),
    ("bzip2", 0, b"BZh", "unpack it: bzip2 -dk {path}"),
    ("lz4", 0, b"\4\x22\x4d\x18", "unpack it: lz4 -dk {path}"),
    ("lz4", 0, b"\2\x21\x4c\x18", "unpack it: lz4 -dk {path}"),
    ("lzip", 0, b"LZIP\1", "unpack it: lzip -dk {path}"),
    ("lzop", 0, b"\x89LZO\0\r\n\x1a\n", "unpack it: lzop -d {path}"),
    ("lrzip", 0, b"LRZI", "unpack it: lrzip -d {path}"),
    ("compress", 0, b"\x1f\x9d\x90", "unpack it: gzip -dk {path}"),
    ("zchunk", 0, b"\0ZCK1", "unpack it: unzck {path}"),
    ("zip", 0, b"PK\3\4", "unpack it: unzip {path}"),
    ("zip", 0, b"PK\5\6", "unpack it: unzip {path}"),
    ("7z", 0, b"7z\xbc\xaf\x27\x1c", "unpack it: 7z x {path}"),
    ("rar", 0, b"Rar!\x1a\7", "unpack it: unrar x {path}"),
    ("tar", 257, b"ustar", "unpack it: tar -xf {path}"),
    ("cpio", 0, b"070701", "unpack it: cpio -id < {path}"),
    ("cpio", 0, b"070702", "unpack it: cpio -id < {path}"),
    ("cpio", 0, b"070707", "unpack it: cpio -id < {path}"),
    ("ar", 0, b"!<arch>\n", "unpack it: ar x {path}"),
    ("rpm", 0, b"\xed\xab\xee\xdb", "unpack it: rpm2cpio {path} | cpio -id"),
    ("cab", 0, b"MSCF\0\0\0\0", "unpack it: cabextract {path}"),
    ("xar", 0, b"xar!", "unpack it: 7z x {path}"),
    ("wim", 0, b"MSWIM\0\0\0", "unpack it: 7z x {path}"),
    ("android-sparse", 0, b"\x3a\xff\x26\xed", "convert it: simg2img {path} new.raw"),
    ("asif", 0, b"shdw\0\0\0", "convert it to raw where it was made"),
    ("sparseimage", 0, b"sprs\0\0\0", "convert it to raw where it was made"),
    ("vma", 0, b"VMA\0", "unpack it: vma extract {path} directory"),
    ("cow", 0, b"OOOM", "convert it to raw where it was made"),
    ("ewf", 0, b"EVF\x09\x0d\x0a\xff\0", "convert it: ewfexport -f raw {path}"),
    ("partclone", 0, b"partclone-image", "restore it: partclone.restore -C -s {path} -o new.raw"),
    ("partimage", 0, b"PaRtImAgE-VoLuMe", "restore it with partimage"),
    ("btrfs-stream", 0, b"btrfs-stream\0", "restore it: btrfs receive -f {path} directory"),
    ("zfs-stream", 8, b"\xac\xcb\xba\xf5\2\0\0\0", "restore it: zfs receive"),
    ("ciso", 0, b"CISO", "convert it to an ISO image where it was made"),
    ("openssl", 0, b"Salted__", "decrypt it: openssl enc -d"),
    ("elf", 0, b"\x7fELF", _NO_IMAGE),
    ("pdf", 0, b"%PDF-", _NO_IMAGE),
    ("png", 0, b"\x89PNG\r\n\x1a\n", _NO_IMAGE),
    ("jpeg", 0, b"\xff\xd8\xff", _NO_IMAGE),
    ("sqlite", 0, b"SQLite format 3\0", _NO_IMAGE),
)
# Signatures of raw disks; a container of another format does not have them at these offsets.
_ISO = (0x8001, b"CD001")
_RAW = (("MBR", 510, b"\x55\xaa"), ("GPT", 512, b"EFI PART"), ("ISO", *_ISO))
_SECTOR = 512


def recognise(head: bytes, tail: bytes, what: str, path: str, insists: bool = False) -> str:
    """Return the format of a file, `raw` or `qcow2`, from its first HEAD and last TAIL bytes (or all, if it has fewer).

    what, path: see Checker. insists: the user has said that it is raw, so only QEMU's other image formats are refused.
    Raises SpecificationError (checks `format`, `polyglot`).
    """
    images = {name: step for name, offset, magic, step in _IMAGES if head.startswith(magic, offset)}
    if len(tail) == TAIL:
        images.update((name, step) for name, magic, step in _FOOTERS if tail.startswith(magic))
    if not images and _may_be_text(head):
        from . import text_files

        if text_files.is_vmdk(head):
            images["vmdk"] = _CONVERT
    if not images and insists:
        return "raw"
    others = {name: step for name, offset, magic, step in _OTHERS if head.startswith(magic, offset)}
    found = {**images, **others}
    raw = [name for name, offset, magic in _RAW if head.startswith(magic, offset)]
    if len(found) > 1 or ("qcow2" in found and raw):
        names = ", ".join(sorted(found) + raw)
        raise SpecificationError(
            f"{what} matches more than one format ({names}), so programs would disagree about what is in it; "
            "recreate it from its source, as a qcow2 image with clusters of 64 KiB",
            check="polyglot",
        )
    if "qcow2" in found:
        return "qcow2"
    for name, step in found.items():
        raise SpecificationError(
            f"{what} has the format {name}; raw and qcow2 can be staged; {step.format(name=name, path=path)}",
            check="format",
        )
    if _may_be_text(head) and not is_iso(head):
        from . import text_files

        kind, step = text_files.recognise(head)
        if kind:
            raise SpecificationError(f"{what} is not an image but {kind}; {step.format(path=path)}", check="format")
    if len(head) < _SECTOR:
        raise SpecificationError(
            f"{what} has {len(head)} bytes, and a disk has at least {_SECTOR}; fetch the image again", check="format"
        )
    return "raw"


def _may_be_text(head: bytes) -> bool:
    """Return False for almost every disk, so that what looks into texts is not imported."""
    first = head[:1]
    is_letter = first.isascii() and (first.isspace() or first > b" ")
    return is_letter or b"\0" not in head[:_SECTOR] or head[:2] in (b"\xff\xfe", b"\xfe\xff")


def is_iso(head: bytes) -> bool:
    """Return whether a raw image's first HEAD bytes are those of an ISO image."""
    offset, magic = _ISO
    return head.startswith(magic, offset)
