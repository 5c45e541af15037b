"""Make HTCondor take up the snippet: reconfigure, restart the startd if that disturbs nobody, see what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ...host import Host
from ...installed import APPLY, RESTART
from ...messages import NOTICE, Message
from ...policy.model import Policy
from ..probes.htcondor import Htcondor
from ..snippet.values import Values
from . import pending, slot_ads
from .delegate import ApplyError


def take_up(host: Host, condor: Htcondor, policy: Policy, values: Values) -> Iterator[Message]:
    """Make the running HTCondor take up the snippet that is in place. Gives lines for the user, as things happen.

    condor: as it is with the snippet.
    Waits at most the policy's htcondor.wait seconds. Raises ApplyError if HTCondor does not do what it is told.
    """
    if condor.fault:
        raise ApplyError(f"HTCondor's configuration cannot be had: {condor.fault}; mend it, then run this again")
    if "STARTD" not in condor.value("DAEMON_LIST").upper():
        yield Message("HTCondor's DAEMON_LIST has no STARTD here: nothing to reconfigure", NOTICE)
        return
    deadline = time.monotonic() + policy.htcondor.wait
    values = pending.in_force(values, condor)
    since = int(time.time())
    _reconfigure(host)

    def wait(lacks: Callable[[slot_ads.Running], list[str]]) -> slot_ads.Running:
        return _wait(host, condor, since, deadline, lacks)

    now = wait(lambda now: [])
    changes = pending.for_restart(values, now)
    if changes and not _may_restart(now, policy):
        who = f"jobs run on it ({', '.join(now.claimed)})" if now.claimed else "the policy says so"
        if now.drained:
            who = f"it is drained ({', '.join(now.drained)}), and would not be any more"
        yield Message(f"Pending until the startd starts again: {'; '.join(changes)}.", NOTICE)
        yield Message(f"It is left alone, because {who}. When it suits you: {RESTART}", NOTICE)
        yield Message("(it lets running jobs finish first, and takes no new ones until then).", NOTICE)
    elif changes:
        _restart(host)
        if not now.claimed:
            yield Message("The startd, which had no job, starts again; waiting for what it advertises …")
            # A job may have started that the collector did not know of yet; the restart waits for it, nobody else does
            now = wait(lambda now: [] if now.claimed else _lacks(now, values))
        changes = pending.for_restart(values, now)
        if changes:
            jobs = ", ".join(now.claimed)
            yield Message(f"The startd starts again when its jobs ({jobs}) have finished; then: {'; '.join(changes)}.")
            return
    now = wait(_lacks)
    yield Message(f"HTCondor advertises for this node: {describe(now)}.")


def describe(now: slot_ads.Running) -> str:
    """Return what the pool sees of a node, for a message."""
    machines = f"HasVM = true, VM_Memory = {now.vm_memory}" if now.has_vm else "HasVM = false"
    return f"{machines}, staging by nfs:// = {'true' if 'nfs' in now.methods else 'false'}"


def _may_restart(now: slot_ads.Running, policy: Policy) -> bool:
    if now.drained:
        return False
    return policy.htcondor.restart == "peaceful" or (policy.htcondor.restart == "idle" and not now.claimed)


def _reconfigure(host: Host) -> None:
    """Not `systemctl reload`: the unit, which is to end before HTCondor's begins anything, would wait for itself."""
    done = host.run("condor_reconfig", timeout=20)
    if done.status != 0:
        step = f"run {APPLY} again" if host.is_root() else "run this as root"
        raise ApplyError(f"HTCondor does not reread its configuration: {done.reason}; {step}")


def _restart(host: Host) -> None:
    done = host.run(*RESTART.split(), timeout=20)
    if done.status != 0:
        raise ApplyError(f"HTCondor does not restart its startd: {done.reason}; run {RESTART}")


def _lacks(now: slot_ads.Running, values: Values | None = None) -> list[str]:
    """Return what slot ads do not show that they should; values: of VM universe, too."""
    missing = [] if "nfs" in now.methods else ["nfs is not among the transfer methods"]
    return missing + (pending.for_restart(values, now) if values else [])


def _wait(
    host: Host, condor: Htcondor, since: int, deadline: float, lacks: Callable[[slot_ads.Running], list[str]]
) -> slot_ads.Running:
    """Wait until the collector has slot ads of after `since` that lack nothing. Returns what they show.

    Raises ApplyError when the time has run out.
    """
    while True:
        now = slot_ads.ask(host, condor)
        old = ["the startd has not reread its configuration"] if now.since < since else []
        missing = [now.fault] if now.fault else old or lacks(now)
        if not missing:
            return now
        if time.monotonic() > deadline:
            raise ApplyError(
                f"waited in vain (htcondor.wait in the policy): {'; '.join(missing)}; see condor-kvm-stage-genconfig "
                "--check, HTCondor's StartLog, and its MasterLog: after several restarts the master waits longer"
            )
        time.sleep(0.5)
