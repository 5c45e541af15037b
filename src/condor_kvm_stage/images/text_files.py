"""What a text file is that lies where an image should: most often a download that failed, or a pointer to the image."""

_START = 512
FETCH_AGAIN = "fetch the image again"
_NAME_IT = "name the image itself"
_ADD_RAW = "name the image, or say that its format is raw if a guest is to read it as a disk"

# (what it is, how it begins in small letters, what helps), the first that fits
_KINDS = (
    ("a pointer of git-lfs", b"version https://git-lfs.", "git lfs pull, in its repository"),
    ("a pointer of git-lfs", b"version https://hawser.", "git lfs pull, in its repository"),
    ("a pointer of git-annex", b"/annex/objects/", "git annex get {path}"),
    ("a pointer of git-annex", b"../.git/annex/objects/", "git annex get {path}"),
    ("a pointer of git-annex", b".git/annex/objects/", "git annex get {path}"),
    ("a pointer of DVC", b"outs:\n- ", "dvc pull {path}"),
    ("an HTML page", b"<!doctype html", FETCH_AGAIN),
    ("an HTML page", b"<html", FETCH_AGAIN),
    ("an HTML page", b"<head", FETCH_AGAIN),
    ("XML", b"<?xml", _NAME_IT),
    ("XML", b"<domain", _NAME_IT),
    ("XML", b"<error", FETCH_AGAIN),
    ("a script", b"#!", _NAME_IT),
    ("a PEM or PGP file", b"-----begin ", _NAME_IT),
    ("an encrypted file", b"age-encryption.org/", "decrypt it: age -d"),
    ("an HTTP answer", b"http/", FETCH_AGAIN),
    ("JSON", b"{", FETCH_AGAIN),
    ("JSON", b"[", FETCH_AGAIN),
    ("a checksum", b"sha256 (", _NAME_IT),
    ("a checksum", b"sha512 (", _NAME_IT),
    ("a checksum", b"md5 (", _NAME_IT),
)
_SPACE = b"\xef\xbb\xbf \t\r\n\f"  # and the mark that some programs put before UTF-8
_HEX = frozenset(b"0123456789abcdef")
_CHECKSUMS = (32, 40, 56, 64, 96, 128)  # digits
# Long enough that a disk does not begin so by chance, although the rest may be in another character set
_LONG = 5


def recognise(head: bytes) -> "tuple[str, str]":
    """Return what a file is that begins with `head`, and what helps ({path} stands for it); "" and "" if no text."""
    start = head[:_START]
    text = start.strip(_SPACE).lower()
    is_text = _is_text(start)
    for kind, beginning, step in _KINDS:
        if text.startswith(beginning) and (is_text or len(beginning) >= _LONG):
            return kind, step
    if not is_text:
        return "", ""
    word = text.split(None, 1)[0] if text else b""
    if len(word) in _CHECKSUMS and _HEX.issuperset(word):
        return "a checksum", _NAME_IT
    return "a text file", _ADD_RAW


def is_vmdk(head: bytes) -> bool:
    """Return whether QEMU would take it for the text part of a VMDK image, which names other files."""
    if head[:1] not in (b"#", b"v", b" ", b"\n", b"\r"):
        return False
    for line in head[:_START].splitlines():
        if line.strip(b" ") and not line.startswith(b"#"):
            return line.lstrip(b" ").startswith((b"version=1", b"version=2", b"version=3"))
    return False


def _is_text(start: bytes) -> bool:
    """Return whether the first bytes of a file are text, in UTF-8 or UTF-16."""
    if b"\0" in start:
        encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(start[:2], "")
        if not encoding:
            return False
        text = start[2:].decode(encoding, "replace")
    else:
        try:
            text = start.decode()
        except UnicodeDecodeError as error:
            if error.start < len(start) - 3 or len(start) < _START:
                return False
            text = start[: error.start].decode()  # a character goes on behind what we look at
    return "".join(text.lstrip("\ufeff").split()).isprintable()
