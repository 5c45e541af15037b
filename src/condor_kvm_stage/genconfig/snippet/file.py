"""Put the snippet where HTCondor reads it; keep a copy of what somebody has edited."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator

from ... import atomic_file
from ...errors import KvmStageError, root_hint
from ...host import Host
from ...installed import CONFIG_DIR, COPIES, SNIPPET
from ...messages import NOTICE, Message
from . import checksum


class SnippetError(KvmStageError):
    """The snippet cannot be put in place."""


def put(text: str, host: Host) -> Iterator[Message]:
    """Put the snippet in place if it differs from what is there. Gives a line for each thing done, none if nothing is.

    One that somebody has edited is kept, as a copy in COPIES, and the line that says so comes before it is replaced.
    Raises SnippetError, WriteError or FactsError; the snippet is what it was then.
    """
    if not host.is_directory(CONFIG_DIR):
        raise SnippetError(f"{CONFIG_DIR} is not there; install HTCondor (package condor), then run this again")
    there = host.text(SNIPPET)
    if there is not None and there != text and not checksum.holds(there):
        kept = _keep(host)
        said = f"{SNIPPET} has been edited, and is replaced; kept as {kept} (what it said belongs into a file of yours)"
        yield Message(said, NOTICE)
    if atomic_file.write(host.path(SNIPPET), text.encode("utf-8", "surrogateescape")):
        yield Message(f"wrote {SNIPPET}")


def remove(host: Host) -> Iterator[Message]:
    """Remove the snippet. Gives a line if there was one, and keeps one that somebody has edited, as put() does.

    Raises SnippetError, WriteError or FactsError; the snippet is what it was then.
    """
    there = host.text(SNIPPET)
    if there is None:
        return
    if not checksum.holds(there):
        yield Message(f"{SNIPPET} has been edited; kept as {_keep(host)}", NOTICE)
    try:
        host.path(SNIPPET).unlink()
    except OSError as error:
        raise SnippetError(f"cannot remove {SNIPPET}: {error.strerror}{root_hint(error)}") from error
    yield Message(f"removed {SNIPPET}")


def _keep(host: Host) -> str:
    """Copy the snippet, byte for byte, to where HTCondor does not read. Returns the copy's path."""
    kept = COPIES + time.strftime("/50-condor-kvm-stage.conf.%Y-%m-%dT%H%M%SZ.rpmsave", time.gmtime())
    try:
        host.path(COPIES).mkdir(exist_ok=True)
        there = host.path(SNIPPET).read_bytes()
    except OSError as error:
        raise SnippetError(
            f"cannot keep {SNIPPET}, which has been edited, in {COPIES}: {error.strerror}{root_hint(error)}"
        ) from error
    atomic_file.write(host.path(kept), there)
    return kept


def diff(text: str, host: Host) -> str:
    """Return what put() would change, as a unified diff, "" for nothing."""
    there = host.text(SNIPPET)
    before = "/dev/null" if there is None else SNIPPET
    lines = difflib.unified_diff((there or "").splitlines(True), text.splitlines(True), before, SNIPPET)
    return "".join(lines)
