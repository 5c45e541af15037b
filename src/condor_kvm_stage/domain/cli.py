"""Entry points: the domain builder, which runs as root, and the hook that reports a refusal in advance."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from .. import chirp, guest_facts, trace
from ..errors import KvmStageError
from ..failures import Failure, NodeError, ParameterError, bug
from ..installed import TRY_GUESTS, TRY_NODE
from ..job import TERMINAL_PIPE, of_builder, of_hook
from ..leftovers import guest_status, janitor
from ..policy.load import load
from ..record import replace
from ..text import printable
from . import (
    console,
    disks,
    domain_xml,
    guest_data,
    job_ad,
    job_files,
    journal_entry,
    own_files,
    private_dir,
    qemu_identity,
    refusal,
    request,
    seen_by_root,
    slot,
    watched,
)

# The programs, for messages about a bug
_BUILDER = "condor-kvm-stage-domain"
_HOOK = "condor-kvm-stage-prepare"


_USAGE_OF_BUILDER = """\
usage: build-domain PID < AD

Print the definition of a VM universe job's virtual machine, as XML for libvirt, or a
definition that puts the job on hold. condor-kvm-stage-domain runs this, which is
HTCondor's LIBVIRT_XML_SCRIPT; nobody need run it by hand. What a job may ask for is in
condor-kvm-stage-domain(8).

  PID  the process id of condor_vm-gahp
  AD   the job's ad in the long format, on standard input
"""
_HELP = (["-h"], ["--help"])


def main(arguments: list[str]) -> int:
    """Build a definition for the vm-gahp whose process id is given, or run the janitor. Returns the exit status.

    Or, with TRY_GUESTS, try whether this node starts guests: status 1 and a reason on stdout if it does not. Behind it
    may stand an image that a job's guest could not open. With TRY_NODE, EXECUTE and images, try what a job would get
    there, and print a report (guest_trial.py).
    """
    if arguments in _HELP:
        sys.stdout.write(_USAGE_OF_BUILDER)
        return 0
    if not arguments:
        sys.stderr.write(_USAGE_OF_BUILDER)
        return 2
    if arguments[0] == janitor.OPTION:
        janitor.wait_and_sweep(arguments[1], int(arguments[2]), int(arguments[3]))
        return 0
    if arguments[0] == TRY_GUESTS:
        from .. import host  # not needed by the builder, which a job waits for
        from . import control

        try:
            reason = control.try_all(host.Host(), guest_facts.load(), *arguments[1:2])
        except KvmStageError as error:
            reason = str(error)
        print(printable(reason))
        return 1 if reason else 0
    if arguments[0] == TRY_NODE:
        from . import node_trial

        print(node_trial.run(arguments[1], arguments[2:]))
        return 0
    return build(int(arguments[0]))


def build(vm_gahp: int) -> int:
    """Read a job's ad from stdin, print the definition of its guest, or of a domain that libvirt refuses.

    vm_gahp: process id of the caller. Returns the exit status, which is always 0: after any other status, HTCondor
    would fall back to its own, unchecked definition.
    """
    if sys.stderr is None:  # closed at start; messages must not end up in the definition
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    data, refused = b"", None
    try:
        data = sys.stdin.buffer.read(job_ad.LARGEST + 1)
        text = _definition(data, vm_gahp)
    except KvmStageError as error:
        text, refused = refusal.domain(str(error)), error
        print(f"refused: {error}", file=sys.stderr)
    except Exception as error:
        refused = bug(error, _BUILDER)
        text = refusal.domain(f"bug in {_BUILDER}, please report it: {type(error).__name__}")
        print(trace.of(error), end="", file=sys.stderr)
    if refused:
        journal_entry.refused(data, os.environ.get("VMGAHP_USER_UID", ""), refused)
    sys.stdout.buffer.write(text)
    return 0


def prepare(data: bytes) -> None:
    """Print for the hook why a VM universe job would be refused, or attributes for the starter. data: the job's ad."""
    try:
        job = of_hook(os.environ)
        rules = load()
        facts = guest_facts.load()
        ad = job_ad.read(data)
        wanted = request.parse(ad, rules, facts)
        qemu_identity.group(job)
        slot.check(wanted, slot.read(job.scratch))
        private_dir.check_movable(job.scratch)
        console.check_free(job.scratch)
        placed = _with_paths(wanted, lambda name: own_files.in_scratch(job, name))
        disks.inspect(placed, job, rules, _HOOK, guest=facts.selinux)
        sys.stdout.write(guest_data.prepare(data, ad, job, wanted, facts) or watched.attributes(ad))
    except Failure as error:
        _refuse(data, error, error.status)
    except KvmStageError as error:
        _refuse(data, error, NodeError.status)
    except Exception as error:
        print(trace.of(error), end="", file=sys.stderr)
        failure = bug(error, _HOOK)
        _refuse(data, failure, failure.status)


def _refuse(ad: bytes, error: KvmStageError, status: int) -> None:
    sys.stdout.write(refusal.hook(str(error), status))
    journal_entry.refused(ad, str(os.getuid()), error)


def _with_outputs(files: tuple[disks.DiskFile, ...], ad: job_ad.Ad) -> tuple[disks.DiskFile, ...]:
    return tuple(replace(file, is_output=request.is_output(ad, file.disk.name)) for file in files)


def _definition(data: bytes, vm_gahp: int) -> bytes:
    job = of_builder(os.environ, vm_gahp)
    rules, facts = load(), guest_facts.load()
    wanted = request.parse(job_ad.read(data), rules, facts)
    if not wanted.name:
        raise NodeError("the vm-gahp has given the virtual machine no name; tell the administrator")
    _check_name(wanted.name)
    group, closed = qemu_identity.group(job), qemu_identity.close_directories()
    console.check_free(job.scratch)
    directory = private_dir.make(job)
    slot.check(wanted, directory.read(slot.MACHINE_AD, job_ad.LARGEST))
    janitor.start(job.scratch, job.starter, job.started)
    files = disks.inspect(_with_paths(wanted, directory.move_in), job, rules, _BUILDER, closed, facts.selinux)
    seen_by_root.check(files)
    # The vm-gahp does not get the whole job ad (VM_GAHP_SEND_ALL_CLASSAD)
    whole = directory.read(".job.ad", job_ad.LARGEST)
    files = _with_outputs(files, job_ad.read(whole))
    files += guest_data.attach(directory, whole, job, wanted)
    path = console.start(directory, job, rules.guest.console, chirp.config_of(job.scratch))
    needs_files = wanted.files or guest_data.has_program(directory)
    served = job_files.start(directory, job, group, facts.virtiofsd, facts.selinux) if needs_files else ""
    terminal, nvram = f"{directory.path}/{TERMINAL_PIPE}", f"{directory.path}/.nvram"
    return domain_xml.definition(domain_xml.Guest(wanted, files, path, terminal, nvram, job, group, facts, served))


def _check_name(name: str) -> None:
    """Raise ParameterError if there is a guest of this name: libvirt refuses another, and HTCondor would destroy it."""
    if not guest_status.exists(name):
        return
    from .. import host  # rarely needed
    from ..leftovers import remove

    for _ in remove.destroy_orphans(host.Host()):  # such as what the job itself has left
        pass
    if guest_status.exists(name):
        raise ParameterError(
            f"a virtual machine {name} already runs on this node: another access point has a job with the same number; "
            "release this one when that has ended"
        )


def _with_paths(wanted: request.Request, locate: Callable[[str], str]) -> list[tuple[request.Disk, str]]:
    """Return the disks with their paths. locate: returns the path of a file in the scratch directory."""
    return [(disk, disk.name if disk.name.startswith("/") else locate(disk.name)) for disk in wanted.disks]
