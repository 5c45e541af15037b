"""Configure this host: write the snippet and the files in /run; with --apply, also make HTCondor apply the snippet."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator

from .. import guest_facts
from ..guest_facts import GuestFacts
from ..host import Host
from ..installed import APPLY, GUEST_FACTS, SNIPPET
from ..leftovers import remove
from ..leftovers.virsh import URI
from ..messages import INFO, NOTICE, Message
from ..policy.model import Policy
from . import libvirt_sockets, runtime_files
from .probes import guest_start, guest_support, htcondor, image_dirs, master
from .probes.collect import HostFacts
from .probes.guest_support import GuestSupport
from .snippet import checksum, file, wanted
from .snippet.values import Values
from .startd import apply as startd
from .startd import delegate

_CHECK = "condor-kvm-stage-genconfig --check"


def configure(host: Host, policy: Policy, *, apply: bool) -> Iterator[Message]:
    """Write all files that HTCondor and its jobs need. Yields messages for the user, as things happen.

    apply: also make the running HTCondor apply the snippet, and remove what jobs have left. Raises a KvmStageError.
    """
    if apply:
        delegate.require_htcondor(host)
        if delegate.must_delegate(host):
            yield from delegate.delegate(host, policy)
            return
        yield from libvirt_sockets.start(host, policy)
    support = guest_support.start(host) if policy.guest.guarded else None
    found = wanted.for_host(host, policy)
    is_first = host.text(SNIPPET) is None
    changed = yield from _counted(file.put(found.text, host))
    if apply:
        yield from remove.carry_out(host, found.facts.libvirt.listens.passed, found.facts.htcondor.value("EXECUTE"))
    yield from _write_runtime_files(host, policy, found, support)
    if not changed:
        yield Message(f"{SNIPPET} is up to date")
    if found.values.no_vm:
        yield Message(
            f"No VM universe on this node: {found.values.no_vm}. Images can still be staged; see {_CHECK}",
            NOTICE,
        )
    level = NOTICE if is_first else INFO  # an installation tells what it has done, an upgrade what is left to do
    if apply and not support and not found.values.no_vm:
        # HTCondor's test of VM universe waits 5 seconds, and libvirt's daemon may need more to start. Where guests are
        # ours, it has just been asked
        host.run("virsh", "--connect", URI, "version")
    circumstances = f"{checksum.of(found.text)} {found.facts.libvirt.listens}"
    if apply and master.is_running(host):
        yield from _guest_starts(host, found.facts, found.values)
        silent = found.facts.libvirt.listens.reason if found.facts.libvirt.listens.failed else ""
        yield from startd.apply(host, htcondor.probe(host), policy, found.values, level, circumstances, silent)
    elif apply:
        yield Message("HTCondor is not running; it will use this when it starts.", level)
    elif changed:
        yield Message(f"HTCondor does not use this yet; to apply it: {APPLY}")
    if apply and support and not found.values.no_vm and not host.exists(GUEST_FACTS):
        raise delegate.ApplyError(f"libvirt does not say how SELinux labels guests: see above; then run {APPLY} again")
    if apply and is_first:
        yield Message(f"Next: {_CHECK} says whether VM jobs can run here; then: man condor-kvm-stage", NOTICE)


def _counted(lines: Iterator[Message]) -> Generator[Message, None, int]:
    """Yield the messages. Returns how many there were."""
    count = 0
    for line in lines:
        yield line
        count += 1
    return count


def _write_runtime_files(
    host: Host, policy: Policy, found: wanted.Wanted, support_result: Callable[[], GuestSupport] | None
) -> Iterator[Message]:
    """Write the files for the plug-in and the domain builder. Yields a message for what jobs have to do without.

    support_result: waits for libvirt's and QEMU's answers; None if they were not asked.
    """
    directories = image_dirs.attributes(policy.staging)
    support = support_result() if support_result else None
    offered = None
    if support:
        before = guest_facts.read(host)
        network = found.values.network
        if support.capabilities.passed or before or found.facts.environment.selinux == "disabled":
            offered = support.offered(network.types, network.bridge, before)
    runtime_files.write(directories, policy, offered, host)
    if support and not found.values.no_vm:
        yield from _of_guests(support, offered)
    if failed := directories.get("NfsPluginImageDirsFailed"):
        yield Message(f"Image directories of the policy that do not exist or do not answer: {failed}", NOTICE)


def _guest_starts(host: Host, facts: HostFacts, values: Values) -> Iterator[Message]:
    """Start a guest as a job would. Yields a message if it does not, before HTCondor is said to offer VM universe.

    Not at boot, before HTCondor, which would have to wait for it. The unit can write to EXECUTE only if it is in its
    usual place.
    """
    execute = host.path(facts.htcondor.value("EXECUTE"))
    if values.no_vm or guest_start.why_not(host, facts, values.guarded) or not os.access(execute, os.W_OK):
        return
    trial = guest_start.carry_out(host, facts, [])
    if trial.failed:
        reasons = "; ".join(map(guest_start.described, trial.failed))
        yield Message(
            f"A virtual machine does not start here, as one of a job's would: {reasons}; see {_CHECK}", NOTICE
        )


def _of_guests(support: GuestSupport, offered: GuestFacts | None) -> Iterator[Message]:
    """Yield a message for each thing that virtual machines have to do without. offered: what was written of this."""
    if not support.capabilities.passed:
        until = (
            "virtual machines get what it said before, or defaults that work on most hosts"
            if offered
            else "VM jobs are refused, because it must say how SELinux labels their files"
        )
        yield Message(
            f"libvirt does not list its capabilities: {support.capabilities.reason}; {until}. When it answers: {APPLY}",
            NOTICE,
        )
    if support.facts.cpu_mode != "host-passthrough":
        yield Message(f"Virtual machines do not get the host's CPU: {support.cpu.reason}; see {_CHECK}", NOTICE)
