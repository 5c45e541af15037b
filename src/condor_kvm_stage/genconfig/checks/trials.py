"""What --check tries out, each within its time: HTCondor's own test, the plug-in, an overlay of an image."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ...guest_facts import GuestFacts
from ...host import Answer, Host
from ...installed import DISABLED, POLICY, UNIT
from ...leftovers import job_domains
from ...policy.model import Policy
from ...share import mounts
from ...share.paths import is_under
from ...text import quoted
from ..probes import guest_support, programs
from ..probes.collect import HostFacts
from ..probes.versions import dotted, version_in
from ..startd import slot_ads

DEADLINE = 5  # seconds for each trial; HTCondor's startd gives its own test as many
_IMAGES = ("*.qcow2", "*.img", "*.raw")


@dataclass(frozen=True)
class DirectoryTrial:
    """One of the policy's directories: the image that was tried, "" if there was none. fault: why it failed, "" if not.

    source: what is mounted there, as "nfs4 server:/export", "" for a directory of the node's own.
    """

    directory: str
    image: str
    fault: str
    source: str


@dataclass(frozen=True)
class Trials:
    """gahp: why HTCondor's own test of VM universe fails, "" if it does not, None if it was not tried.

    plugin: why the plug-in does not answer, "" if it does. unit: what systemd says of the boot unit, as "enabled", ""
    without systemd. domains: of jobs, None if they were not looked for. directories: of the policy's image_dirs.
    canary: why the policy's canary image cannot be staged, "" if it can, None without one. user: who the images were
    tried as. qemu, qemu_img: versions, "" if unknown. guests: what the host can give to them.
    """

    gahp: str | None
    plugin: str
    unit: str
    directories: tuple[DirectoryTrial, ...]
    canary: str | None
    running: slot_ads.Running
    domains: job_domains.Domains | None
    user: str
    qemu: str
    qemu_img: str
    guests: guest_support.GuestSupport


def carry_out(host: Host, facts: HostFacts, policy: Policy | None) -> Trials:
    """Try all at once, because each may take its whole time. policy: None if it is broken."""
    directories = policy.staging.image_dirs if policy else []
    canary = policy.staging.canary_image if policy else ""
    with ThreadPoolExecutor(max_workers=len(directories) + 9) as pool:
        gahp = pool.submit(_gahp, host, facts)
        plugin = pool.submit(_plugin, host)
        unit = pool.submit(_unit, host)
        defined_by_us = not policy or policy.guest.guarded
        given = pool.submit(guest_support.probe, host, DEADLINE) if defined_by_us else None
        versions = [pool.submit(_version, host, path) for path in (facts.programs.qemu, facts.programs.qemu_img)]
        slots = pool.submit(slot_ads.ask, host, facts.htcondor, DEADLINE)
        of_jobs = pool.submit(_domains, host, facts)
        canary_fault = pool.submit(stage, host, f"nfs://{canary}:canary.qcow2") if canary else None
        tried = [pool.submit(_directory, host, directory) for directory in directories]
        return Trials(
            gahp=gahp.result(),
            plugin=plugin.result(),
            unit=unit.result(),
            directories=tuple(future.result() for future in tried),
            canary=canary_fault.result() if canary_fault else None,
            running=slots.result(),
            domains=of_jobs.result(),
            user=host.job_user() or "this user",
            qemu=versions[0].result(),
            qemu_img=versions[1].result(),
            guests=given.result() if given else guest_support.GuestSupport(GuestFacts()),
        )


def unreadable_policy(host: Host) -> str:
    """Why the plug-in, which is run by the users of jobs, cannot read the policy that this user can; "" if it can."""
    answer = host.run("head", "--bytes=0", POLICY, timeout=DEADLINE, user="nobody" if host.job_user() else "")
    if "Permission denied" not in answer.errors:
        return ""
    return f"the users of jobs cannot read {POLICY}: chmod 644 {POLICY}, and chmod 755 the directories above"


def stage(host: Host, url: str, timeout: float = DEADLINE) -> str:
    """Stage an image in a directory that is removed then, as a job would. Returns why it fails, "" if it does not."""
    user = host.job_user()
    with _scratch(user) as directory:
        answer = host.run(programs.plugin(host), url, f"{directory}/image", timeout=timeout, user=user)
    return "" if answer.status == 0 else _why(answer).removeprefix("vm-nfs-plugin: ")


@contextlib.contextmanager
def _scratch(user: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="condor-kvm-stage-check-"))
    try:
        if user:
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)  # a trial that was given up may still write to it


def _gahp(host: Host, facts: HostFacts) -> str | None:
    """As HTCondor's VMUniverseMgr::testVMGahp() does it, as root."""
    if not facts.programs.vm_gahp or not host.is_root():
        return None
    user = host.job_user()
    environment = {"VMGAHP_USER_UID": str(pwd.getpwnam(user).pw_uid)} if user else {}
    answer = host.run(
        facts.programs.vm_gahp, "-f", "-t", "-M", "0", "vmtype", "kvm", timeout=DEADLINE, environment=environment
    )
    if answer.status == 0 and "VM_Memory" in answer.output:
        return ""
    return _telling(answer.errors) or answer.reason


def _telling(log: str) -> str:
    """Return the last line of a vm-gahp's log that says what failed; that of its port, which it can do without, not."""
    lines = [line for line in log.splitlines() if "SharedPort" not in line]
    telling = [line for line in lines if "failed" in line.lower() or "error" in line.lower()]
    return telling[-1] if telling else ""


def _plugin(host: Host) -> str:
    answer = host.run(programs.plugin(host), "-classad", timeout=DEADLINE)
    return "" if answer.status == 0 and "SupportedMethods" in answer.output else answer.reason


def _unit(host: Host) -> str:
    answer = host.run("systemctl", "is-enabled", UNIT, timeout=DEADLINE)
    return f"switched off by {DISABLED}" if host.exists(DISABLED) else answer.output.strip()


def _domains(host: Host, facts: HostFacts) -> job_domains.Domains | None:
    return job_domains.look(host, DEADLINE) if host.is_root() and not facts.libvirt.fault else None


def _version(host: Host, program: str) -> str:
    if not program:
        return ""
    return dotted(version_in(host.run(program, "--version", timeout=DEADLINE).output))


def _directory(host: Host, directory: str) -> DirectoryTrial:
    """Look for an image in a directory, read it as a user who has no rights of his own, and stage it."""
    user, deadline = host.job_user(), time.monotonic() + DEADLINE
    names = [word for pattern in _IMAGES for word in ("-o", "-name", pattern)][1:]
    found = host.run(
        "find",
        "-L",
        directory,
        "-maxdepth",
        "2",
        "-type",
        "f",
        "(",
        *names,
        ")",
        "-print0",
        "-quit",
        timeout=DEADLINE,
        user=user,
    )
    image = found.output.partition("\0")[0].rstrip("\n")
    fault = ""
    if image:
        fault = _unreadable(host, image, deadline) or stage(host, f"nfs://{quote(image)}:check.qcow2", _left(deadline))
    elif found.status != 0:
        fault = _why(found).removeprefix("find: ")
    return DirectoryTrial(directory, image, fault, _source(host, directory))


def _left(deadline: float) -> float:
    """Return the seconds until then; some even if it has passed, which then end what is tried at once."""
    return max(0.1, deadline - time.monotonic())


def _unreadable(host: Host, image: str, deadline: float) -> str:
    """Whether everybody may read an image: QEMU runs as a user of libvirt's."""
    user = "nobody" if host.job_user() else ""
    answer = host.run("head", "--bytes=1", image, timeout=_left(deadline), user=user)
    if answer.status == 0:
        return ""
    who, reason = f"the user {user}" if user else "this user", _why(answer).rpartition(": ")[2]
    return f"{who} cannot read {image}: {reason}; its owner must run: chmod o+r {quoted(image)}"


def _why(answer: Answer) -> str:
    """Why a program that looks at a share failed. Too slow is the share, not the program."""
    if "did not end" in answer.fault:
        return f"the share did not answer within {DEADLINE} s"
    return answer.reason


def _source(host: Host, directory: str) -> str:
    """What is mounted at a directory, or nearest above it but for the root: type and source."""
    found = mounts.entries(host.text(mounts.MOUNTINFO) or "")
    above = [point for point in found if point != "/" and is_under(directory + "/", point)]
    return " ".join(found[max(above, key=len)]) if above else ""
