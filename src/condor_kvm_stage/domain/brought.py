"""Which files a job has brought into its scratch directory, for the message that one is missing."""

from __future__ import annotations

import difflib
import itertools
import os
import stat

from ..text import printable

_SHOWN = 5  # names in a message
_LOOKED_AT = 1000  # names: a job can bring any number
# HTCondor's other files there begin with one of these
_PREFIXES = (".", "_condor_")
# HTCondor's own, and what is made for the guest
_NOT_BROUGHT = ("condor_exec.exe", "console.log", "xen.mem.ckpt")


def show(scratch: str, name: str) -> str:
    """Return which files are there instead of the file `name`, those with a similar name first, as half a sentence."""
    try:
        with os.scandir(scratch) as entries:
            names = [entry.name for entry in itertools.islice(entries, _LOOKED_AT) if _is_brought(entry)]
    except OSError:
        return "what the job brought cannot be listed"
    if not names:
        return "the job brought no file"
    alike = {other.lower(): other for other in names}
    close = [alike[match] for match in difflib.get_close_matches(name.lower(), alike)]
    names = close + sorted(set(names) - {*close})
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"the job brought {', '.join(map(printable, names[:_SHOWN]))}{more}"


def _is_brought(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(_PREFIXES) or entry.name in _NOT_BROUGHT:
        return False
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False  # gone by now
