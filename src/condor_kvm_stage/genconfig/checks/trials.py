"""What --check tries, each with a timeout: HTCondor's own test, the plug-in, staging of images, and so on."""

from __future__ import annotations

import pwd
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

from ... import guest_facts, health_report
from ...guest_facts import GuestFacts
from ...host import Host
from ...installed import DISABLED, HEALTH, POLICY, UNIT
from ...leftovers import job_domains
from ...policy.model import Policy
from ...record import dataclass
from ..outcome import PASSED, Outcome, failed, not_tried, of_answer, unknown
from ..probes import execute, guest_start, guest_support, programs
from ..probes.collect import HostFacts
from ..probes.guest_start import GuestTrial
from ..probes.versions import dotted, version_in
from ..snippet.values import canary_url
from ..startd import slot_ads
from . import image_trials

STARTD_WAITS = 5  # seconds that HTCondor's startd gives its own test
_IMAGES_WAIT = 5  # seconds for which the trial of guests waits for the trials of images
_NO_CANARY = not_tried("the policy sets no staging.canary_image")
_NOT_NEEDED = not_tried("the policy does not use the domain builder")
_NO_BUILDER = guest_support.GuestSupport(GuestFacts(), _NOT_NEEDED, _NOT_NEEDED)


@dataclass(frozen=True)
class Trials:
    """The results of all trials on a host."""

    gahp: Outcome  # HTCondor's own test of VM universe
    gahp_seconds: float  # how long that took
    plugin: Outcome  # whether the plug-in answers
    health: dict[str, str]  # what the node's last look at itself has found, see health_report.py; {} for not known
    unit: str  # the boot unit's state as systemd prints it, such as "enabled"; "unknown", or "" without systemd
    directories: tuple[image_trials.DirectoryTrial, ...]  # the policy's image_dirs
    canary: Outcome  # whether the policy's canary image can be staged; not tried if it has none
    advertised: slot_ads.SlotAds
    execute: execute.Execute
    domains: job_domains.Domains | None  # of jobs, None if libvirt was not asked
    user: str  # as whom the images were tried
    qemu: str  # QEMU's version, "" if unknown
    qemu_img: str  # likewise
    support: guest_support.GuestSupport
    guests: GuestTrial
    facts: GuestFacts | None  # what the programs that define guests were told, None if nothing valid


def carry_out(host: Host, facts: HostFacts, policy: Policy | None) -> Trials:
    """Run all trials at the same time, because each may take until its timeout. policy: None if it is invalid."""
    directories = policy.staging.image_dirs if policy else []
    canary = canary_url(policy) if policy else ""
    with ThreadPoolExecutor(max_workers=len(directories) + 11) as pool:
        gahp = pool.submit(_gahp, host, facts)
        plugin = pool.submit(plugin_answers, host)
        unit = pool.submit(_unit, host)
        has_builder = not policy or policy.guest.guarded
        support = pool.submit(guest_support.probe, host) if has_builder else None
        versions = [pool.submit(_version, host, path) for path in (facts.programs.qemu, facts.programs.qemu_img)]
        slots = pool.submit(slot_ads.ask, host, facts.htcondor)
        scratch = pool.submit(execute.probe, host, facts.htcondor.value("EXECUTE"))
        of_jobs = pool.submit(_domains, host, facts)
        canary_trial = pool.submit(image_trials.stage, host, canary) if canary else None
        image_dirs = [pool.submit(image_trials.of_directory, host, directory) for directory in directories]
        guests = pool.submit(_guests, host, facts, has_builder, gahp, image_dirs)
        return Trials(
            gahp=gahp.result()[0],
            gahp_seconds=gahp.result()[1],
            plugin=plugin.result(),
            health=health_report.parse(host.text(HEALTH) or "", time.time()),
            unit=unit.result(),
            directories=tuple(future.result() for future in image_dirs),
            canary=canary_trial.result() if canary_trial else _NO_CANARY,
            advertised=slots.result(),
            execute=scratch.result(),
            domains=of_jobs.result(),
            user=host.job_user() or "this user",
            qemu=versions[0].result(),
            qemu_img=versions[1].result(),
            support=support.result() if support else _NO_BUILDER,
            guests=guests.result(),
            facts=guest_facts.read(host),
        )


def policy_is_readable(host: Host) -> Outcome:
    """Return whether the plug-in, which runs as the job's user, can read the policy."""
    answer = host.run("head", "--bytes=0", POLICY, user="nobody" if host.job_user() else "")
    if "Permission denied" not in answer.errors:
        return PASSED
    return failed(f"the users of jobs cannot read {POLICY}: chmod 644 {POLICY}, and chmod 755 the directories above")


def _gahp(host: Host, facts: HostFacts) -> tuple[Outcome, float]:
    """Run the same command as HTCondor's VMUniverseMgr::testVMGahp(), as root."""
    if not facts.programs.vm_gahp or not host.is_root():
        return not_tried("there is no condor_vm-gahp" if host.is_root() else "only root can"), 0
    user = host.job_user()
    begin = time.monotonic()
    environment = {"VMGAHP_USER_UID": str(pwd.getpwnam(user).pw_uid)} if user else {}
    answer = host.run(_server(facts), "-f", "-t", "-M", "0", "vmtype", "kvm", environment=environment)
    if answer.status == 0 and "VM_Memory" in answer.output:
        return PASSED, time.monotonic() - begin
    return of_answer(answer, _cause(answer.errors)), time.monotonic() - begin


def _guests(
    host: Host,
    facts: HostFacts,
    has_builder: bool,
    gahp: Future[tuple[Outcome, float]],
    image_dirs: list[Future[image_trials.DirectoryTrial]],
) -> GuestTrial:
    """Start guests as a job would, with an image that can be staged, if there is one."""
    why_not = guest_start.why_not(host, facts, has_builder)
    if why_not:
        return GuestTrial(not_tried(why_not))
    first = gahp.result()[0]  # it has less time: the startd's, and libvirt's daemon may have to start for it
    if first.unknown:
        return GuestTrial(unknown(first.reason))
    wait(image_dirs, timeout=min(_IMAGES_WAIT, host.left() / 2))
    tried = [trial.result() for trial in image_dirs if trial.done()]
    images = [trial.image for trial in tried if trial.outcome.passed]
    return guest_start.carry_out(host, facts, images)


def _server(facts: HostFacts) -> str:
    """Return the program that the startd will run: ours only passes on what HTCondor's own says."""
    server = facts.htcondor.settings.get("VM_GAHP_SERVER")
    return server.value if server and server.value and server.in_another_file else facts.programs.vm_gahp


def _cause(log: str) -> str:
    """Return the last line of a vm-gahp's log that says what failed. Not that of its shared port: it works without."""
    lines = [line for line in log.splitlines() if "SharedPort" not in line]
    causes = [line for line in lines if "failed" in line.lower() or "error" in line.lower()]
    return causes[-1] if causes else ""


def plugin_answers(host: Host) -> Outcome:
    """Return whether the plug-in, which needs no share for this, says what it can, as a job's user."""
    answer = host.run(programs.plugin(host), "-classad", user=host.job_user())
    return PASSED if answer.status == 0 and "SupportedMethods" in answer.output else of_answer(answer)


def _unit(host: Host) -> str:
    answer = host.run("systemctl", "is-enabled", UNIT)
    if host.exists(DISABLED):
        return f"disabled by {DISABLED}"
    return "unknown" if answer.late else answer.output.strip()


def _domains(host: Host, facts: HostFacts) -> job_domains.Domains | None:
    return job_domains.look(host, host.left()) if host.is_root() and facts.libvirt.listens.passed else None


def _version(host: Host, program: str) -> str:
    if not program:
        return ""
    return dotted(version_in(host.run(program, "--version").output))
