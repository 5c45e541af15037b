"""The site's policy, /etc/condor-kvm-stage/config.toml: what may be staged, and how long that may take.

The plug-in reads it at every start, and TOML is dear to import (26 ms beside an interpreter's 13): a file without
settings, as the package installs it, is recognised without.
"""

import os

from . import sizes
from .errors import KvmStageError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = "/etc/condor-kvm-stage/config.toml"
TABLE = "staging"


class PolicyError(KvmStageError):
    """The policy cannot be read, or is none. Nothing is done then: limits that are ignored are worse than none."""


class Policy:
    """The keys of the table [staging], with their defaults; vm-nfs-plugin(1), "POLICY", says what each means.

    image_dirs, output_dirs: absolute paths. chain_depth: files. virtual_size: bytes. timeout: seconds.
    """

    __slots__ = ("chain_depth", "image_dirs", "output_dirs", "timeout", "virtual_size")

    def __init__(self) -> None:
        self.image_dirs: list[str] = []
        self.output_dirs: list[str] = []
        self.chain_depth = 8
        self.virtual_size = 16 << 40
        self.timeout = 60


def load(root: str = "") -> Policy:
    """Read the policy of the node whose files are under root. Without a file it is the default.

    Raises PolicyError, which names file and line.
    """
    try:
        with open(root + PATH, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        raise PolicyError(
            f"cannot read the site's policy {PATH}: {error.strerror}; the administrator of {os.uname().nodename} "
            f"must make it readable for all: chmod 644 {PATH}"
        ) from error
    lines = (line.strip() for line in data.split(b"\n"))
    if all(not line or line.startswith(b"#") or line == b"[staging]" for line in lines):
        return Policy()
    return _parsed(data)


def _parsed(data: bytes) -> Policy:
    try:
        text = data.decode()
        document = _toml(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(f"line {line}: bytes that are no UTF-8; write it in UTF-8") from None
    except (ValueError, RecursionError) as error:  # of the first, TOMLDecodeError is a kind
        raise _broken(str(error)) from None
    for table in document:
        if table != TABLE:
            raise _broken(f"{_line(text, table)}: unknown key '{printable(table)}'; the one table is [{TABLE}]")
    settings = document.get(TABLE, {})
    if not isinstance(settings, dict):
        raise _broken(f"{_line(text, TABLE)}: {TABLE} must be a table, [{TABLE}]")
    policy = Policy()
    for key, value in settings.items():
        if key not in Policy.__slots__:
            known = ", ".join(Policy.__slots__)
            raise _broken(
                f"{_line(text, TABLE, key)}: unknown key '{printable(key)}' in [{TABLE}]; the keys are {known}"
            )
        try:
            setattr(policy, key, _CHECKS[key](value))
        except ValueError as error:
            raise _broken(f"{_line(text, TABLE, key)}: {key} {error}") from None
    return policy


def _toml(text: str) -> "dict[str, Any]":
    try:
        import tomllib
    except ImportError:  # before Python 3.11: tomli, from where the plug-in's interpreter does not look (-S)
        import site
        import sys

        added = [directory for directory in site.getsitepackages() if directory not in sys.path]
        sys.path.extend(added)
        try:
            import tomli as tomllib  # type: ignore[import-not-found,no-redef,unused-ignore]
        except ImportError:
            raise PolicyError(
                f"the site's policy {PATH} needs Python 3.11 or the package python3-tomli; the administrator of "
                f"{os.uname().nodename} must install it"
            ) from None
    document: dict[str, Any] = tomllib.loads(text)
    return document


def _directories(value: "Any") -> "list[str]":
    good = isinstance(value, list) and all(isinstance(item, str) and item.startswith("/") for item in value)
    # a comma separates directories in the slot ad
    if not good or any(character in item for item in value for character in "\0,"):
        raise ValueError('must be a list of absolute paths without commas, as ["/srv/images"]')
    return list(value)


def _size(value: "Any") -> int:
    if not isinstance(value, str):
        raise ValueError('must be a size, as "16T"')
    return sizes.parse(value)


def _number(lowest: int, highest: int) -> "Any":
    def check(value: "Any") -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return check


_CHECKS = {
    "image_dirs": _directories,
    "output_dirs": _directories,
    "chain_depth": _number(1, 64),
    "virtual_size": _size,
    "timeout": _number(1, 3600),
}


def _line(text: str, *keys: str) -> str:
    """Return where a key stands, for a message. TOML's readers tell the line of a syntax error, not that of a key."""
    lines, begin = text.split("\n"), 0
    for end in range(1, len(lines) + 1):
        try:
            found: Any = _toml("\n".join(lines[:end]))
        except ValueError:  # ends within a value of several lines
            continue
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            break
        begin = end
    return f"line {begin + 1}"


def _broken(reason: str) -> PolicyError:
    return PolicyError(
        f"the site's policy {PATH} is broken: {printable(reason)}; the administrator of {os.uname().nodename} must "
        "mend it"
    )
