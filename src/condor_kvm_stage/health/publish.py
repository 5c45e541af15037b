"""Print what the last look at the node has found, for the slot ads: HTCondor's startd runs this as its own user.

What is old is not known: then the attributes are undefined, and START lets VM jobs in as if nobody looked.
"""

from __future__ import annotations

import time

from .. import installed

OLD = 600  # seconds
# Seconds for which a change is sent to the collector at once; otherwise it waits for HTCondor's UPDATE_INTERVAL
_NEWS = 180
ATTRIBUTES = (
    *("Healthy", "Failed", "Reason", "VMs", "VMMemory", "ExecuteFree", "JobFiles", "Healed", "Checked", "Changed"),
)


def text(now: float | None = None) -> str:
    """Return the attributes, and the line that ends them for HTCondor."""
    now = time.time() if now is None else now
    found = dict(_read())
    checked, changed = (_number(found.get(name, "")) for name in ("Checked", "Changed"))
    if now - checked > OLD:
        found = {}
    # Each attribute each time: HTCondor keeps those that are not printed
    lines = [f"{name} = {found.get(name, 'undefined')}\n" for name in ATTRIBUTES]
    return "".join([*lines, "- update:true\n" if found and now - changed < _NEWS else "-\n"])


def _read() -> list[tuple[str, str]]:
    try:
        with open(installed.HEALTH, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    return [(name, value) for name, _, value in (line.partition(" = ") for line in lines)]


def _number(value: str) -> int:
    return int(value) if value.isdecimal() else 0
