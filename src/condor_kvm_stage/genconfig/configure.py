"""Configure this host: write the snippet that it calls for and the files in /run; with --apply, HTCondor uses it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from ..host import Host
from ..installed import APPLY, SNIPPET
from ..leftovers import remove
from ..messages import NOTICE, Message
from ..policy.model import Policy
from . import runtime_files
from .probes import guest_support, htcondor, image_dirs
from .probes.guest_support import GuestSupport
from .snippet import file, wanted
from .snippet.values import Values
from .startd import apply as startd
from .startd import delegate

_CHECK = "condor-kvm-stage-genconfig --check"
# Seconds. When libvirt's daemon runs for the first time it asks QEMU what it can do, for two of them and more
_LIBVIRT_TIMEOUT = 20


def configure(host: Host, policy: Policy, *, apply: bool) -> Iterator[Message]:
    """Put everything in place that the host and its policy call for. Gives lines for the user, as things happen.

    apply: also make the running HTCondor apply it, and remove what jobs have left. Raises a KvmStageError.
    """
    if apply:
        delegate.demand_htcondor(host)
        if delegate.must_delegate(host):
            yield from delegate.delegate(host, policy)
            return
    asked = guest_support.start(host, _LIBVIRT_TIMEOUT) if policy.guest.guarded else None
    found = wanted.look(host, policy)
    changed = yield from _counted(file.put(found.text, host))
    if apply:
        yield from remove.carry_out(host, not found.facts.libvirt.fault, found.facts.htcondor.value("EXECUTE"))
    yield from _write_runtime_files(host, policy, found.values, asked)
    if not changed:
        yield Message(f"{SNIPPET} is up to date")
    if found.values.no_vm:
        yield Message(
            f"No VM universe on this node: {found.values.no_vm}. Images can be staged all the same; see {_CHECK}",
            NOTICE,
        )
    if apply and delegate.is_running(host):
        yield from startd.take_up(host, htcondor.probe(host), policy, found.values)
    elif apply:
        yield Message("HTCondor does not run; it takes this up when it starts.")
    elif changed:
        yield Message(f"HTCondor has not been told: {APPLY} does that")


def _counted(lines: Iterator[Message]) -> Generator[Message, None, int]:
    """Give the lines on. Returns how many there were."""
    count = 0
    for line in lines:
        yield line
        count += 1
    return count


def _write_runtime_files(
    host: Host, policy: Policy, values: Values, asked: Callable[[], GuestSupport] | None
) -> Iterator[Message]:
    """Write what the programs of jobs read. Says what jobs cannot have.

    asked: gives what libvirt and QEMU have answered, None if they were not asked.
    """
    directories = image_dirs.attributes(policy.staging)
    support = asked() if asked else None
    offered = support.offered(values.network.types, values.network.bridge) if support else None
    runtime_files.write(directories, policy, offered, host)
    if support and not values.no_vm:
        yield from _of_guests(support)
    if failed := directories.get("NfsPluginImageDirsFailed"):
        yield Message(f"Not there, or without an answer, of the policy's directories for images: {failed}", NOTICE)


def _of_guests(support: GuestSupport) -> Iterator[Message]:
    """Say what virtual machines have to do without."""
    if support.libvirt:
        yield Message(
            f"libvirt does not say what it can do: {support.libvirt}; virtual machines are defined as most hosts can "
            f"run them. When it answers: {APPLY}",
            NOTICE,
        )
    if support.facts.cpu_mode != "host-passthrough":
        yield Message(f"Virtual machines do not get the host's CPU: {support.cpu}; see {_CHECK}", NOTICE)
