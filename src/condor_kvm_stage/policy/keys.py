"""The keys of the site's policy, each with a check that returns the value as model.py's classes hold it."""

from .. import sizes
from .model import AUTO, Auto, GuestPolicy, HealthPolicy, HtcondorPolicy, NetworkPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Check = Callable[[Any], Any]


def _directories(value: "Any") -> "list[str]":
    good = isinstance(value, list) and all(isinstance(item, str) and item.startswith("/") for item in value)
    # commas separate directories in the slot ad
    if not good or any(character in item for item in value for character in "\0,"):
        raise ValueError('must be a list of absolute paths without commas, as ["/srv/images"]')
    # The slot ad has them as the manual page's example of a job compares them: without a slash at the end
    return [item.rstrip("/") or "/" for item in value]


def _plain_directories(value: "Any") -> "list[str]":
    """Check directories for an expression in HTCondor's configuration, where special characters are unsafe."""
    directories = _directories(value)
    for item in directories:
        if not _PLAIN.issuperset(item) or "/../" in item + "/" or not item.strip("/"):
            raise ValueError(
                "must be paths below /, of letters, digits and /._+- only, without '..', as [\"/srv/images\"]"
            )
    return directories


def _users(value: "Any") -> "list[str]":
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError('must be a list of names of users, as ["images"]')
    return list(value)


def _image(value: "Any") -> str:
    if not isinstance(value, str) or (value and not value.startswith("/")) or not _PLAIN.issuperset(value):
        raise ValueError('must be the absolute path of an image, of letters, digits and /._+- only, or ""')
    return value


def _size(value: "Any", example: str = '"16T"') -> int:
    if not isinstance(value, str):
        raise ValueError(f"must be a size, as {example}")
    return sizes.parse(value)


def _memory(value: "Any") -> "int | Auto":
    if value == "auto":
        return AUTO
    size = _size(value, '"64G", or "auto"')
    if size < 1 << 20:  # HTCondor counts in MiB
        raise ValueError('must be "1M" or more, or "auto"')
    return size


def _size_or_nothing(value: "Any") -> int:
    return 0 if value == "0" else _size(value, '"512M", or "0"')


def _cap(value: "Any") -> int:
    size = _size(value, '"16M"')
    if size < 64 << 10:  # a kernel's boot messages should fit
        raise ValueError('must be "64K" or more')
    return size


def _boolean(value: "Any") -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _number(lowest: int, highest: int) -> "Check":
    def check(value: "Any") -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return check


def _number_or_auto(lowest: int, highest: int) -> "Check":
    number = _number(lowest, highest)

    def check(value: "Any") -> "int | Auto":
        if value == "auto":
            return AUTO
        try:
            return int(number(value))
        except ValueError as error:
            raise ValueError(f'{error}, or "auto"') from None

    return check


def _one_of(words: "tuple[str, ...]") -> "Check":
    def check(value: "Any") -> str:
        if value not in words:
            raise ValueError("must be one of " + ", ".join(f'"{word}"' for word in words))
        return str(value)

    return check


def _some_of(words: "tuple[str, ...]") -> "Check":
    def check(value: "Any") -> "list[str]":
        if not isinstance(value, list) or any(item not in words for item in value):
            raise ValueError("must be a list of some of " + ", ".join(f'"{word}"' for word in words) + ", or []")
        return list(dict.fromkeys(value))  # keeps the policy's order: the first network becomes the default

    return check


def _interface(value: "Any") -> str:
    # net_device names: IFNAMSIZ is 16 with the final NUL (netdevice(7))
    if not isinstance(value, str) or len(value) > 15 or not (_PLAIN - {"/"}).issuperset(value):
        raise ValueError('must be the name of a network interface, as "br0", or ""')
    return value


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-")

# In the order of the manual page and of the installed file
KEYS: "dict[str, dict[str, Check]]" = {
    "staging": {
        "image_dirs": _directories,
        "output_dirs": _directories,
        "canary_image": _image,
        "chain_depth": _number(1, 64),
        "virtual_size": _size,
        "bitmaps": _number(0, 1000),
        "snapshots": _number(0, 1000),
        "timeout": _number(1, 3600),
    },
    "vm": {
        "memory": _memory,
        "memory_percent": _number(1, 100),
        "reserve": _size_or_nothing,
        "reserve_percent": _number(0, 90),
        "overhead": _size_or_nothing,
        "max_number": _number_or_auto(1, 10000),
        "disk_dirs": _plain_directories,
        "disk_owners": _users,
    },
    "guest": {
        "guarded": _boolean,
        "filtered": _boolean,
        "full_disk": _one_of(GuestPolicy.FULL_DISK),
        "reset_loop": _one_of(GuestPolicy.RESET_LOOP),
        "console": _cap,
        "vnc": _boolean,
    },
    "network": {"types": _some_of(NetworkPolicy.TYPES), "bridge": _interface},
    "htcondor": {"restart": _one_of(HtcondorPolicy.RESTARTS), "wait": _number(1, 600), "patience": _number(1, 600)},
    "health": {"heal": _some_of(HealthPolicy.HEALS)},
}
