"""Format numbers for people: three digits, and a suitable unit."""

from __future__ import annotations

import math

_KIB, _MIB, _GIB, _TIB = (float(1 << shift) for shift in (10, 20, 30, 40))
# For each unit of a result: the threshold, the name, the divisor
_UNITS = {
    "s": ((3600, "h", 3600.0), (60, "min", 60.0), (1, "s", 1.0), (1e-3, "ms", 1e-3), (0, "µs", 1e-6)),
    "bytes": ((_TIB, "TiB", _TIB), (_GIB, "GiB", _GIB), (_MIB, "MiB", _MIB), (_KIB, "KiB", _KIB), (0, "B", 1.0)),
    "KiB": ((_KIB, "MiB", _KIB), (0, "KiB", 1.0)),
    "calls": ((0, "", 1.0),),
}


def amount(value: float, unit: str) -> str:
    """Return a number in a suitable unit: 0.0123 of "s" is 12.3 ms."""
    name, factor = _named(value, unit)
    return f"{digits(value / factor)} {name}".rstrip()


def extent(low: float, high: float, unit: str) -> str:
    """Return two numbers in the unit that suits the higher one."""
    name, factor = _named(high, unit)
    return f"{digits(low / factor)} to {digits(high / factor)} {name}".rstrip()


def digits(value: float, significant: int = 3) -> str:
    """Return a number with that many significant digits, or all before the decimal point; never with an exponent."""
    if value == int(value):
        return str(int(value))
    return f"{value:.{max(0, significant - 1 - math.floor(math.log10(value)))}f}"


def _named(value: float, unit: str) -> tuple[str, float]:
    return next((name, factor) for least, name, factor in _UNITS[unit] if value >= least)
