"""Parse a non-empty policy: TOML, with a check for each key.

Separate from load.py, because the plug-in rarely needs it.
"""

import os

from ..installed import POLICY
from ..text import printable
from .keys import KEYS
from .model import Policy, PolicyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # as editors of Windows write it


def parse(data: bytes, path: str) -> Policy:
    """Return the policy in `data`, the content of the file at `path`. Raises PolicyError, which names file and line."""
    text, document = _document(data, path)
    policy = Policy(data)
    for table, settings in document.items():
        if table not in KEYS:
            kind = "table" if isinstance(settings, dict) else "key"
            known = _known(table, KEYS, f"the tables are {', '.join(f'[{name}]' for name in KEYS)}")
            raise _broken(path, f"line {_line(text, table)}: unknown {kind} '{table}'; {known}")
        if not isinstance(settings, dict):
            raise _broken(path, f"line {_line(text, table)}: {table} must be a table, [{table}]")
        checks = KEYS[table]
        for key, value in settings.items():
            if key not in checks:
                known = _known(key, checks, f"the keys are {', '.join(checks)}")
                raise _broken(path, f"line {_line(text, table, key)}: unknown key '{key}' in [{table}]; {known}")
            try:
                setattr(getattr(policy, table), key, checks[key](value))
            except ValueError as error:
                number = _line(text, table, key)
                from . import corrections  # needed only for the message

                correct = corrections.of_value(text, number, key)
                raise _broken(path, f"line {number}: {key} {error}{correct}") from None
            policy.given.append(f"{table}.{key}")
    policy.staging.guests_have_own_user = policy.guest.guarded
    return policy


def _document(data: bytes, path: str) -> "tuple[str, dict[str, Any]]":
    """Return the text of a policy, and what it says. Raises PolicyError."""
    if data.startswith(_BYTE_ORDER_MARK):
        step = f"remove it: sed -i '1s/^\\xef\\xbb\\xbf//' {path}"
        raise _broken(path, f"line 1: it begins with a byte order mark, which TOML does not allow; {step}")
    try:
        text = data.decode()
        return text, _toml(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(path, f"line {line}: bytes that are not UTF-8; write it in UTF-8") from None
    except ValueError as error:  # TOMLDecodeError is one
        from . import corrections

        raise _broken(path, corrections.of_syntax(text, str(error), _toml)) from None
    except RecursionError as error:
        raise _broken(path, str(error)) from None


def _known(name: str, known: "dict[str, Any]", all_known: str) -> str:
    """Return the end of a message about an unknown name: where it belongs, or the closest and all known names."""
    for table, keys in KEYS.items():
        if name in keys:
            return f"it belongs under [{table}]"
    import difflib  # takes 10 ms, needed only for the message

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'? {all_known[0].upper()}{all_known[1:]}" if close else all_known


def _toml(text: str) -> "dict[str, Any]":
    try:
        import tomllib
    except (
        ImportError
    ):  # before Python 3.11: tomli, in site-packages, which the plug-in's interpreter does not search (-S)
        import site
        import sys

        added = [directory for directory in site.getsitepackages() if directory not in sys.path]
        sys.path.extend(added)
        try:
            import tomli as tomllib  # type: ignore[import-not-found,no-redef,unused-ignore]
        except ImportError:
            raise PolicyError(
                f"the site's policy {POLICY} needs Python 3.11 or the package python3-tomli; the administrator of "
                f"{os.uname().nodename} must install it"
            ) from None
    document: dict[str, Any] = tomllib.loads(text)
    return document


def _line(text: str, *keys: str) -> int:
    """Return the line of a key, for a message. TOML parsers report the line of a syntax error, but not of a key."""
    lines, start = text.split("\n"), 0
    for end in range(1, len(lines) + 1):
        try:
            found: Any = _toml("\n".join(lines[:end]))
        except ValueError:  # these lines end within a multi-line value
            continue
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            break
        start = end
    return start + 1


def _broken(path: str, reason: str) -> PolicyError:
    return PolicyError(
        f"the site's policy {path} is broken: {printable(reason)}",
        f"the administrator of {os.uname().nodename} must fix it",
    )
