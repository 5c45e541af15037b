"""Run a job's vm-gahp behind the relay, with what the relay needs of the node."""

from __future__ import annotations

import contextlib
import os
import signal
import syslog
import time

from .. import chirp, trace
from ..host import Host
from ..job import SAVED_GUEST, Job, of_starter
from ..leftovers import virsh
from ..policy.load import load
from ..processes import become_user, detach
from ..text import ad_string, printable
from . import console_end, hold, journal_entries, program_end, recovery, start_error
from .duties import Duties
from .guest_watch import GuestWatch
from .judge import judge
from .relay import Relay
from .start_error import StartError
from .vm_gahp import VmGahp

PROBLEM = "ChirpGuestProblem"  # attribute of the job
_DESTROYING = 20  # seconds; libvirt kills a QEMU that does not end by itself after 10 s
_LONGEST = 400  # characters of what a user is told
_TOLD = 10  # seconds for telling it: a busy starter needs some


def run(program: str, arguments: list[str]) -> int:
    """Run a job's vm-gahp. Returns the exit status. Raises OSError or NodeError if it has not been started."""
    job = of_starter(os.environ, os.getppid())
    syslog.openlog("condor-kvm-stage-gahp", syslog.LOG_PID, syslog.LOG_DAEMON)
    host = Host()
    gahp = VmGahp(program, arguments)
    problem = Update(job, PROBLEM)
    duties = Duties(
        said=lambda: start_error.read(host, gahp.pid),
        judge=lambda error: _judge(job, host, error),
        can_hold=lambda: hold.is_possible(host),
        hold=lambda number, reason: _hold(job, host, number, reason),
        full_disk=lambda: load().guest.full_disk,
        reset_loop=lambda: load().guest.reset_loop,
        resets=_resets,
        clean=lambda: _clean(job),
        destroy=lambda guest: _destroy(guest, host),
        note_start=lambda guest: journal_entries.started(guest, job),
        note_end=lambda guest, end, is_stopped: journal_entries.ended(guest, job, end, is_stopped),
        program_end=lambda: program_end.read(job),
        find_address=lambda guest: _find_address(guest, job),
        report=lambda text: problem.begin(chirp.last_lines(text[:_LONGEST].encode())),
        is_told=problem.is_over,
        is_console_told=lambda: console_end.is_told(job),
        log=lambda text: _log(job, text),
    )
    try:
        return Relay(gahp, job, duties).run()
    except Exception as error:  # the pipes end with this process, so do vm-gahp and starter, and the job runs again
        _log(job, f"a bug, please report it:\n{trace.of(error)}")
        return 1


class Update:
    """What the job's user is told by an attribute of the job: in a child, because the starter takes it.

    The starter does not while it waits for an answer of ours.
    """

    def __init__(self, job: Job, name: str) -> None:
        self._job = job
        self._name = name
        self._child = 0  # which tells it, 0 if that is over
        self._deadline = 0.0

    def begin(self, expression: str) -> None:
        """Begin to set the attribute, instead of what is being told."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        self._child = _set_attribute(self._job, self._name, expression)
        self._deadline = time.monotonic() + _TOLD

    def is_over(self) -> bool:
        """Return whether it is told, or has taken too long: the job may be about to end, and its user can stop this."""
        if self._child and (os.waitpid(self._child, os.WNOHANG)[0] or time.monotonic() > self._deadline):
            self._child = 0
        return not self._child


def _set_attribute(job: Job, name: str, expression: str) -> int:
    """Set an attribute of the job. In a child, whose id is returned, as the job's user, whose file says how.

    The job's user can stop the child. So nobody waits for it without limit, and it keeps nothing open: the vm-gahp ends
    with its input.
    """
    config = chirp.config_of(job.scratch)
    child = os.fork()
    if child:
        return child
    with contextlib.suppress(BaseException):
        detach()
        become_user(job.uid, job.gid)
        chirp.set_attribute(config, name, expression)
    os._exit(0)


def _find_address(guest: GuestWatch, job: Job) -> None:
    """Tell the user the guest's address. In a child, which ends with the guest."""
    from . import guest_address  # which takes long to import: not while the job waits for its start

    if not guest_address.is_reachable(guest.status) or os.fork():
        return

    update = Update(job, guest_address.ATTRIBUTE)
    with contextlib.suppress(BaseException):
        detach(guest.process)
        guest_address.watch(guest.status, guest.process, lambda address: update.begin(ad_string(address)))
    os._exit(0)


def _judge(job: Job, host: Host, found: StartError) -> str:
    """Return what is wrong with the node, "" if the job is at fault for its failed start."""
    try:
        verdict = judge(job, host, found)
    except Exception as error:
        return f"condor-kvm-stage cannot find out why a guest did not start: {error!r}"
    if verdict.node:
        _log(job, f"the guest did not start, and the node is at fault: {verdict.node}")
        journal_entries.refused(job, journal_entries.NODE, f"the node is at fault: {verdict.node}")
        recovery.start(verdict.until)
        return f"the node is at fault: {verdict.node}"[:_LONGEST]
    text = "the guest did not start, but another does: the job is at fault"
    _log(job, text)
    journal_entries.refused(job, journal_entries.START, text)
    return ""


def _hold(job: Job, host: Host, number: str, reason: str) -> None:
    """Have the job put on hold. reason: "" for no longer."""
    if reason:
        _log(job, f"the job goes on hold: {reason}")
    if not hold.ask(host, number, reason):
        _log(job, "the startd has not heard that the job is to go on hold, or no longer")


def _clean(job: Job) -> None:
    """Remove what blocks the name of a saved guest: the vm-gahp fails over it if the job wants no output."""
    with contextlib.suppress(OSError):
        os.rmdir(f"{job.scratch}/{SAVED_GUEST}")


def _resets(guest: GuestWatch) -> list[str]:
    return virsh.command("event", "--domain", guest.status.uuid, "--all", "--loop")


def _destroy(guest: GuestWatch, host: Host) -> None:
    virsh.run(host, _DESTROYING, "destroy", guest.status.uuid)


def _log(job: Job, text: str) -> None:
    for line in text.splitlines():
        syslog.syslog(syslog.LOG_NOTICE, printable(f"{job.scratch}: {line}"))
