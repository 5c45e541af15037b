"""Write the snippet where HTCondor reads it; keep a copy of an edited one."""

from __future__ import annotations

import contextlib
import difflib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ... import atomic_file
from ...errors import KvmStageError, root_hint
from ...host import FactsError, Host
from ...installed import CONFIG_DIR, COPIES, SNIPPET
from ...messages import NOTICE, Message
from . import checksum

_MADE_HERE = "# Written by condor-kvm-stage-genconfig "  # near the beginning of the template


class SnippetError(KvmStageError):
    """The snippet cannot be written or removed."""


def put(text: str, host: Host) -> Iterator[Message]:
    """Write the snippet if it differs from the present one. Yields a message for each change.

    If somebody has edited the present one, a copy goes to COPIES; its message comes before the snippet is replaced.
    Raises SnippetError, WriteError or FactsError; the snippet is unchanged then.
    """
    if not host.is_directory(CONFIG_DIR):
        raise SnippetError(f"{CONFIG_DIR} does not exist; install HTCondor (package condor), then run this again")
    current = host.text(SNIPPET)
    if current is not None and current != text and not checksum.holds(current):
        kept = _keep(host)
        replaced = f"{SNIPPET} has been edited, and is replaced; kept as {kept}"
        yield Message(f"{replaced} (put your settings into a separate file)", NOTICE)
    if atomic_file.write(host.path(SNIPPET), text.encode("utf-8", "surrogateescape")):
        yield Message(f"wrote {SNIPPET}")


def remove(host: Host) -> Iterator[Message]:
    """Remove the snippet. Yields a message if there was one, and keeps a copy of an edited one, like put().

    Raises SnippetError, WriteError or FactsError; the snippet is unchanged then.
    """
    current = host.text(SNIPPET)
    if current is None:
        return
    if not checksum.holds(current):
        yield Message(f"{SNIPPET} has been edited; kept as {_keep(host)}", NOTICE)
    try:
        host.path(SNIPPET).unlink()
    except OSError as error:
        raise SnippetError(f"cannot remove {SNIPPET}: {error.strerror}{root_hint(error)}") from error
    yield Message(f"removed {SNIPPET}")


def _keep(host: Host) -> str:
    """Copy the snippet, byte for byte, to a directory that HTCondor does not read. Returns the path of the copy."""
    kept = f"{COPIES}/{Path(SNIPPET).name}" + time.strftime(".%Y-%m-%dT%H%M%SZ.rpmsave", time.gmtime())
    try:
        host.path(COPIES).mkdir(exist_ok=True)
        current = host.path(SNIPPET).read_bytes()
    except OSError as error:
        raise SnippetError(
            f"cannot keep {SNIPPET}, which has been edited, in {COPIES}: {error.strerror}{root_hint(error)}"
        ) from error
    atomic_file.write(host.path(kept), current)
    return kept


def copies(host: Host, files: Iterable[str]) -> Iterator[str]:
    """Yield which of the files that HTCondor reads are copies of a snippet, also of an older or edited one."""
    for path in files:
        with contextlib.suppress(FactsError):  # another user's
            if path != SNIPPET and _MADE_HERE in (host.text(path) or "")[:500]:
                yield path


def diff(text: str, host: Host) -> str:
    """Return what put() would change, as a unified diff, "" for nothing."""
    current = host.text(SNIPPET)
    before = "/dev/null" if current is None else SNIPPET
    lines = difflib.unified_diff((current or "").splitlines(True), text.splitlines(True), before, SNIPPET)
    return "".join(lines)
