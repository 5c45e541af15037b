"""The site's policy, /etc/condor-kvm-stage/config.toml: what may be staged, and what the generator is to offer.

The plug-in reads it at every start, and TOML is dear to import (26 ms beside an interpreter's 13): a file without
settings, as the package installs it, is recognised without.
"""

import os

from .errors import KvmStageError, printable
from .schema import KEYS, Htcondor, Network, Staging, Vm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = "/etc/condor-kvm-stage/config.toml"


class PolicyError(KvmStageError):
    """The policy cannot be read, or is none. Nothing is done then: limits that are ignored are worse than none."""


class Policy:
    """The tables of the policy, with defaults for what it does not say. given: what it says, as `vm.memory`."""

    __slots__ = ("given", "htcondor", "network", "staging", "vm")

    def __init__(self) -> None:
        self.staging = Staging()
        self.vm = Vm()
        self.network = Network()
        self.htcondor = Htcondor()
        self.given: list[str] = []


def load(root: str = "") -> Policy:
    """Read the policy of the node whose files are under root. Without a file it is the default.

    Raises PolicyError, which names file and line.
    """
    path = root + PATH
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        raise PolicyError(
            f"cannot read the site's policy {path}: {error.strerror}; the administrator of {os.uname().nodename} "
            f"must make it readable for all: chmod 644 {path}"
        ) from error
    if _says_nothing(data):
        return Policy()
    return _parsed(data, path)


def _says_nothing(data: bytes) -> bool:
    """Return whether all lines are empty, comments, or begin a table of the schema that no line has begun before."""
    tables = {b"[%s]" % table.encode() for table in KEYS}
    for line in data.split(b"\n"):
        line = line.strip()
        if line in tables:
            tables.remove(line)
        elif line and not line.startswith(b"#"):
            return False
    return True


def _parsed(data: bytes, path: str) -> Policy:
    try:
        text = data.decode()
        document = _toml(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(path, f"line {line}: bytes that are no UTF-8; write it in UTF-8") from None
    except (ValueError, RecursionError) as error:  # of the first, TOMLDecodeError is a kind
        raise _broken(path, str(error)) from None
    policy = Policy()
    for table, settings in document.items():
        if table not in KEYS:
            kind = "table" if isinstance(settings, dict) else "key"
            known = _known(table, KEYS, f"the tables are {', '.join(f'[{name}]' for name in KEYS)}")
            raise _broken(path, f"{_line(text, table)}: unknown {kind} '{table}'; {known}")
        if not isinstance(settings, dict):
            raise _broken(path, f"{_line(text, table)}: {table} must be a table, [{table}]")
        checks = KEYS[table]
        for key, value in settings.items():
            if key not in checks:
                known = _known(key, checks, f"the keys are {', '.join(checks)}")
                raise _broken(path, f"{_line(text, table, key)}: unknown key '{key}' in [{table}]; {known}")
            try:
                setattr(getattr(policy, table), key, checks[key](value))
            except ValueError as error:
                raise _broken(path, f"{_line(text, table, key)}: {key} {error}") from None
            policy.given.append(f"{table}.{key}")
    return policy


def _known(name: str, known: "dict[str, Any]", all_known: str) -> str:
    """Return the part of a message that says where a key belongs, or what was probably meant, and what could be."""
    for table, keys in KEYS.items():
        if name in keys:
            return f"it belongs under [{table}]"
    import difflib  # 10 ms, for a message only

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'? {all_known[0].upper()}{all_known[1:]}" if close else all_known


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


def _broken(path: str, reason: str) -> PolicyError:
    return PolicyError(
        f"the site's policy {path} is broken: {printable(reason)}; the administrator of {os.uname().nodename} must "
        "mend it"
    )
