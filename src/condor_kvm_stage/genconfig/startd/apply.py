"""Make the running HTCondor apply the snippet: reconfigure, restart the startd if it is idle, check the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ...host import Host
from ...installed import APPLY, RESTART
from ...messages import INFO, NOTICE, Message
from ...policy.model import Policy
from ..probes import master
from ..probes.htcondor import Htcondor
from ..snippet.values import Values
from . import attempts, pending, slot_ads
from .delegate import ApplyError
from .slot_ads import SlotAds

_SETTLING = 10  # seconds that the end of a job may take


def apply(
    host: Host,
    condor: Htcondor,
    policy: Policy,
    values: Values,
    level: int = INFO,
    circumstances: str = "",
    obstacle: str = "",
) -> Iterator[Message]:
    """Make the running HTCondor apply the snippet that is in place. Yields messages for the user, as things happen.

    condor: probed with the snippet in place. Waits at most the policy's htcondor.wait seconds. Raises ApplyError if
    HTCondor does not apply it. level: of the messages about the result. circumstances: on which it depends whether a
    restart helps; the startd is not restarted again for what a restart under the same did not change. obstacle: why the
    startd's test of VM universe is known to fail, so that no restart helps; "" if it is not.
    """
    restarted = False
    if not condor.configuration.passed:
        reason = condor.configuration.reason
        raise ApplyError(f"cannot read HTCondor's configuration: {reason}; fix it, then run this again")
    if "STARTD" not in condor.value("DAEMON_LIST").upper():
        yield Message("HTCondor's DAEMON_LIST has no STARTD on this node: nothing to reconfigure", NOTICE)
        return
    deadline = time.monotonic() + policy.htcondor.wait
    values = pending.in_force(values, condor)
    since = int(time.time())
    _reconfigure(host)

    def wait(lacks: Callable[[SlotAds], list[str]]) -> SlotAds:
        return _wait(host, condor, since, deadline, lacks)

    now = _settled(host, condor, wait(lambda now: []))
    changes = pending.for_restart(values, now)
    if changes and obstacle and not now.has_vm:
        now = wait(_lacks)
        changes = pending.for_restart(values, now)
    if changes and obstacle and not now.has_vm:
        raise ApplyError(
            f"HTCondor advertises for this node: {describe(now)}, because {obstacle}; see condor-kvm-stage-genconfig "
            f"--check, then run {APPLY} again"
        )
    attempt = attempts.describe(changes, circumstances)
    if changes and (now.unsettled or attempt == attempts.last(host) or not _may_restart(now, policy)):
        why = f"jobs run on it ({', '.join(now.claimed)})" if now.claimed else "the policy says so"
        if now.drained:
            why = f"it is drained or waits for its jobs ({', '.join(now.drained)}), which a restart would undo"
        if now.unsettled:
            why = f"it is not settled: {now.unsettled}"
        elif attempt == attempts.last(host):
            why = "a restart did not change this before: see condor-kvm-stage-genconfig --check"
        yield Message(f"Pending until the startd restarts: {'; '.join(changes)}.", NOTICE)
        yield Message(f"It is not restarted now, because {why}. When it suits you: {RESTART}", NOTICE)
        yield Message("(this lets running jobs finish first, and starts no new ones until then).", NOTICE)
    elif changes:
        attempts.keep(host, attempt)
        _restart(host)
        restarted = True
        if not now.claimed:
            yield Message("Restarting the startd, which has no job; waiting for its slot ads …")
            # A job may have started that the collector did not know of yet; only the restart waits for it to finish
            now = wait(lambda now: [] if now.claimed else _lacks(now, values))
        changes = pending.for_restart(values, now)
        if changes:
            jobs = ", ".join(now.claimed)
            yield Message(f"The startd restarts when its jobs ({jobs}) have finished. Pending: {'; '.join(changes)}.")
            return
    now = wait(_lacks)
    if not pending.for_restart(values, now):
        attempts.forget(host)
    yield Message(f"HTCondor advertises for this node: {describe(now)}.", level)
    if restarted:
        yield Message("Its startd was restarted for that; it had no job.", level)


def describe(now: SlotAds) -> str:
    """Return what a node advertises to the pool, for a message."""
    machines = f"HasVM = true, VM_Memory = {now.vm_memory}" if now.has_vm else "HasVM = false"
    return f"{machines}, staging by nfs:// = {'true' if 'nfs' in now.methods else 'false'}"


def _may_restart(now: SlotAds, policy: Policy) -> bool:
    if now.drained:
        return False
    return policy.htcondor.restart == "peaceful" or (policy.htcondor.restart == "idle" and not now.claimed)


def _reconfigure(host: Host) -> None:
    """Not `systemctl reload`: our unit, which is ordered before HTCondor's, would wait for itself."""
    done = host.run("condor_reconfig", environment=master.environment(host))
    if done.status != 0:
        step = f"run {APPLY} again" if host.is_root() else "run this as root"
        # HTCondor's tools say what matters in the first of several lines
        reason = " ".join(done.errors.split()) or done.reason
        raise ApplyError(f"HTCondor does not reload its configuration: {reason}; {step}")


def _settled(host: Host, condor: Htcondor, now: SlotAds) -> SlotAds:
    """Return the slot ads once no job is ending, which takes some seconds; as they are if it takes longer."""
    deadline = time.monotonic() + _SETTLING
    while now.unsettled and time.monotonic() < deadline:
        time.sleep(0.5)
        again = slot_ads.ask(host, condor)
        now = again if again.query.passed else now
    return now


def _restart(host: Host) -> None:
    done = host.run(*RESTART.split(), environment=master.environment(host))
    if done.status != 0:
        raise ApplyError(f"HTCondor does not restart its startd: {done.reason}; run {RESTART}")


def _lacks(now: SlotAds, values: Values | None = None) -> list[str]:
    """Return what the slot ads should show but do not. values: if given, also of VM universe."""
    missing = [] if "nfs" in now.methods else ["nfs is not among the transfer methods"]
    return missing + (pending.for_restart(values, now) if values else [])


def _wait(host: Host, condor: Htcondor, since: int, deadline: float, lacks: Callable[[SlotAds], list[str]]) -> SlotAds:
    """Wait until the collector has slot ads that are newer than `since` and lack nothing. Returns them.

    Raises ApplyError at the deadline.
    """
    while True:
        now = slot_ads.ask(host, condor)
        old = ["the startd has not reloaded its configuration"] if now.since < since else []
        if now.unsettled and not now.since:
            old = [f"the startd does not advertise its slots yet: {now.unsettled}"]
        missing = (old or lacks(now)) if now.query.passed else [now.query.reason]
        if not missing:
            return now
        if time.monotonic() > deadline:
            raise ApplyError(
                f"timed out (htcondor.wait in the policy): {'; '.join(missing)}; see condor-kvm-stage-genconfig "
                "--check, HTCondor's StartLog, and its MasterLog: after several restarts the master waits longer"
            )
        time.sleep(0.5)
