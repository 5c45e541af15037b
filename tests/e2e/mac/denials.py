"""What a machine's kernel has denied, by auditd's log: each denial in few words, and which of them a test expects."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping

from testnode.node import Node

_LOG = "var/log/audit/audit.log"
_FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')
_PERMISSIONS = re.compile(r"avc: +denied +\{ ([^}]*) \}")
_GUEST = re.compile(r"libvirt-[0-9a-f-]{36}")


def log(worker: Node) -> str:
    """Return auditd's log."""
    return (worker.root / _LOG).read_text(encoding="utf-8", errors="replace")


def of_text(text: str) -> list[str]:
    """Return the denials in a part of the log, each one once, in their order."""
    return list(dict.fromkeys(filter(None, map(_denial, text.splitlines()))))


def unexpected(found: list[str], expected: Mapping[str, str]) -> list[str]:
    """Return the denials that no expression in `expected` fits, which has the reason of each."""
    return [denial for denial in found if not any(re.fullmatch(expression, denial) for expression in expected)]


@contextlib.contextmanager
def none_but(worker: Node, expected: Mapping[str, str]) -> Iterator[None]:
    """Fail if something was denied in the context that is not expected."""
    before = len(log(worker))
    yield
    found = of_text(log(worker)[before:])
    print("denied:", *found, sep="\n  ")
    assert unexpected(found, expected) == []


def _denial(line: str) -> str:
    """Return the denial of which a line is the record, "" if it is of something else."""
    if not line.startswith("type=AVC "):
        return ""
    fields = {name: value.strip('"') for name, value in _FIELD.findall(line)}
    if fields.get("apparmor") == "DENIED":
        who = _GUEST.sub("a guest", fields["profile"])
        return f"{who}: {fields['operation']} {fields.get('name', '')} {fields.get('denied_mask', '')}".rstrip()
    denied = _PERMISSIONS.search(line)
    if not denied:
        return ""
    source, target = (fields[name].split(":")[2] for name in ("scontext", "tcontext"))
    what = fields.get("path", fields.get("name", ""))
    ignored = " (permissive)" if fields.get("permissive") == "1" else ""
    return f"{source} {fields['comm']}: {fields['tclass']} {denied[1]} {target} {what}".rstrip() + ignored
