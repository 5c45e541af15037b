"""Parse and show sizes such as 40G. Suffixes are powers of 1024, as in qemu-img(1)."""

_SUFFIXES = "KMGTPE"
_LARGEST = 2**63 - 1  # the largest file offset


def parse(text: str) -> int:
    """Return the bytes that a whole number with an optional suffix stands for. Raises ValueError."""
    suffix = text[-1:].upper()
    power = _SUFFIXES.find(suffix) + 1 if suffix else 0
    digits = text[:-1] if power else text
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 19):
        raise ValueError(f"{text!r} is not a size; write bytes, or a number with a suffix K, M, G, T, P or E, as 40G")
    size = int(digits) << (10 * power)
    if not 0 < size <= _LARGEST:
        raise ValueError(f"{text!r} is not a possible size of a disk; write one above 0 and below 8E")
    return size


def show(size: int) -> str:
    """Return a size for a message: exact, in the largest unit that divides it evenly."""
    power = 0
    while size and size % 1024 == 0 and power < len(_SUFFIXES):
        size //= 1024
        power += 1
    return f"{size} {_SUFFIXES[power - 1]}iB" if power else f"{size} bytes"
