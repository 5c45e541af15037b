"""Break a node in one way, and follow what --check says about it to the letter."""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass

from e2e.check.verdicts import Result, check
from testnode import pool
from testnode.node import Node
from testnode.run import TestNodeError
from testnode.site import POLICY

APPLY = "condor-kvm-stage-genconfig --apply"
EXECUTE = "/var/lib/condor/execute"
SETTINGS = "/etc/condor/config.d/60-broken.conf"  # which HTCondor reads after the snippet
_RESTART = "condor_restart -startd"


@dataclass(frozen=True)
class Broken:
    """A node with one thing broken, and what --check must say of it."""

    name: str
    how: str  # shell commands that break it
    check: str  # the verdict that names it: "group name"
    level: str = "fail"
    says: str = ""  # words of the finding
    step: str = ""  # words of the next step; "" where the whole step is commands
    follow: str = ""  # shell commands that do what those words say
    runs: bool = False  # whether a VM job runs in spite of it
    restart: bool = False  # whether the startd must start again for it to show


def policy(*lines: str) -> str:
    """Return the command that writes a policy."""
    return _written(POLICY, lines)


def settings(*lines: str) -> str:
    """Return the command that sets something in a file that HTCondor reads after the snippet."""
    return _written(SETTINGS, lines)


def _written(path: str, lines: tuple[str, ...]) -> str:
    return f"printf '%s\\n' {shlex.join(lines)} > {path}"


def commands(step: str) -> str:
    """Return the commands that a next step consists of, as one types them."""
    first = re.split(r", or |; if ", step.removeprefix("see "))[0]
    return re.sub(r"[;,] then (run )?", "; ", first).replace("dnf ", "dnf --assumeyes ")


def shell(worker: Node, script: str, timeout: float = 200) -> str:
    done = worker.run(["sh", "-ec", script], timeout=timeout)
    return done.stdout + done.stderr


def break_it(worker: Node, row: Broken) -> None:
    """Break the node, and wait until that shows."""
    shell(worker, row.how)
    if row.restart:
        restart(worker)


def restart(worker: Node) -> None:
    """Let the startd start again, and wait for its slot ads. Jobs that tests have removed must end first."""
    worker.wait_until(lambda: not pool.slot_ad(worker).get("NumDynamicSlots"), "no slot has a job", 120)
    started = pool.slot_ad(worker).get("DaemonStartTime", 0)
    worker.run(_RESTART)
    worker.wait_until(
        lambda: pool.slot_ad(worker).get("DaemonStartTime", 0) > started, "the startd has started again", 60
    )


def repaired(worker: Node, row: Broken, found: Result) -> Result:
    """Follow the next step. Returns what --check says once nothing fails, or after a minute."""
    step = found.steps[row.check]
    assert row.step in step, step
    shell(worker, row.follow or commands(step))
    return settled(worker, row)


def settled(worker: Node, row: Broken) -> Result:
    """Check until all is well again."""
    results = [check(worker)]

    def is_well() -> bool:
        results.append(check(worker))
        slot = pool.slot_ad(worker)
        offered = slot.get("HasVM") is True and "nfs" in pool.methods_in(slot)
        return offered and results[-1].status == 0 and results[-1].levels[row.check] not in ("warn", "fail")

    with contextlib.suppress(TestNodeError):  # what is not well, the caller says
        worker.wait_until(is_well, "all is well", 75)
    return results[-1]
