"""Print what the last look at the node has found, for the slot ads: HTCondor's startd runs this as its own user.

What is old is not known: then the attributes are undefined, and START lets VM jobs in as if nobody looked.
"""

from __future__ import annotations

import time

from .. import health_report, installed

# Seconds for which a change is sent to the collector at once; otherwise it waits for HTCondor's UPDATE_INTERVAL
_NEWS = 180
ATTRIBUTES = (
    *("Healthy", "Failed", "Reason", "VMs", "VMMemory", "ExecuteFree", "JobFiles", "Healed", "Checked", "Changed"),
)


def text(now: float | None = None) -> str:
    """Return the attributes, and the line that ends them for HTCondor."""
    now = time.time() if now is None else now
    found = health_report.parse(_read(), now)
    changed = found.get("Changed", "")
    # Each attribute each time: HTCondor keeps those that are not printed
    lines = [f"{name} = {found.get(name, 'undefined')}\n" for name in ATTRIBUTES]
    return "".join([*lines, "- update:true\n" if changed.isdecimal() and now - int(changed) < _NEWS else "-\n"])


def _read() -> str:
    try:
        with open(installed.HEALTH, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
