"""AppArmor enforcing, as on Debian, Ubuntu and openSUSE Leap: guests are confined to what their jobs have."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.check import verdicts
from e2e.mac import denials, site
from e2e.machine import filer, own_jobs
from testnode import evidence, guest, machine_flavour, pool, recipe, stages
from testnode.node import Node

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

IDLE = "/srv/images/idle.raw"
KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} alice"  # nobody's
# What the kernel denies in the course of these tests, and why nothing is lost by it
EXPECTED: dict[str, str] = {}


@dataclass(frozen=True)
class Running:
    """A guest that runs: the process id of its QEMU, on the machine, and the directory beside its scratch directory."""

    qemu: int
    private: str


@pytest.fixture(scope="module")
def confined() -> Iterator[Node]:
    with site.worker(machine_flavour.APPARMOR) as node:
        guest.write_idle(node.root / IDLE.lstrip("/"))
        yield node


def guests(node: Node) -> str:
    """Return the names of the guests that run."""
    return node.run("virsh -q list --name --state-running", check=False).stdout


@contextlib.contextmanager
def running(node: Node, name: str, image: str, *more: str) -> Iterator[Running]:
    """Submit a job, give its guest when it runs, and remove it."""
    stages.wait_for_vm_universe(node, True)
    cluster = own_jobs.submit(node, name, image, *more)
    node.wait_until(lambda: f"_{cluster}.0\n" in guests(node), f"the guest of job {cluster} runs", 150)
    (qemu,) = node.run(["pgrep", "--full", f"guest={recipe.USER}_.*_{cluster}[.]0,"]).stdout.split()
    private = re.search(r"/[^\0\",]*\.condor-kvm-stage/", node.run(["cat", f"/proc/{qemu}/cmdline"]).stdout)
    assert private
    yield Running(int(qemu), private[0])
    node.run(["condor_rm", str(cluster)])
    node.wait_until(lambda: guests(node).strip() == "", "the guest of the removed job has ended", 120)


def inside(node: Node, guest: Running, *command: str) -> str:
    """Run cat or dd, which libvirt's profiles allow, as the job's user in QEMU's profile. Returns what it said."""
    profile = node.run(["cat", f"/proc/{guest.qemu}/attr/current"]).stdout.split()[0]
    done = node.run(["aa-exec", "--profile", profile, "--", *command], user=recipe.USER, check=False)
    return done.stdout + done.stderr


def test_kernel_enforces_and_libvirt_confines_guests(confined: Node) -> None:
    assert "apparmor" in (confined.root / "sys/kernel/security/lsm").read_text(encoding="ascii").split(",")
    capabilities = confined.run("virsh capabilities").stdout
    assert "<model>apparmor</model>" in capabilities
    facts = (confined.root / "run/condor-kvm-stage/guest").read_text(encoding="utf-8")
    assert '"security_models": ["apparmor", "dac"]' in facts


def test_check_starts_guests_and_nothing_is_denied(confined: Node) -> None:
    with denials.none_but(confined, EXPECTED):
        said = verdicts.check(confined)
    assert said.failed == set()
    assert said.levels["libvirt trial"] == "ok"
    assert said.levels["libvirt files"] == "ok"
    assert said.levels["images selinux"] == "n/a"


@pytest.mark.parametrize("image", [filer.IMAGE, filer.PRIVATE], ids=["for-all", "private"])
def test_guest_runs_from_an_image_on_nfs_with_seed_and_files_and_nothing_is_denied(confined: Node, image: str) -> None:
    name = f"whole-{image.partition('/')[0]}"
    path = f"{filer.EXPORT}/{image}"
    before = confined.run(["stat", "--format=%U:%G %a %Z", path]).stdout + evidence.sha256(confined, path)
    more = ["MY.VMPARAM_Job_Files = True", f'MY.VMPARAM_SSH_Key = "{KEY}"']
    stages.wait_for_vm_universe(confined, True)
    with denials.none_but(confined, EXPECTED):
        own_jobs.submit(confined, name, f"{site.ON_SERVER}/{image}", *more)
        events = pool.wait_for_end(confined, f"{name}/{name}.log", 500)
    assert "Normal termination (return value 0)" in events
    home = confined.root / site.HOME / name
    assert (home / "console.log").read_text(encoding="utf-8").splitlines()[-1] == "pattern written, powering off"
    assert guest.PATTERN in (home / "disk.qcow2").read_bytes()
    after = confined.run(["stat", "--format=%U:%G %a %Z", path]).stdout + evidence.sha256(confined, path)
    assert after == before


def test_qemu_is_confined_to_what_its_job_has(confined: Node) -> None:
    # not with UEFI: QEMU's emulation of KVM's processor aborts there
    with contextlib.ExitStack() as stack:
        with denials.none_but(confined, EXPECTED):
            found = stack.enter_context(running(confined, "idle", IDLE, "MY.VMPARAM_Job_Files = True"))
        confinement = confined.run(["cat", f"/proc/{found.qemu}/attr/current"]).stdout
        assert re.fullmatch(r"libvirt-[0-9a-f-]{36} \(enforce\)\n", confinement)
        before = len(denials.log(confined))
        # What the user may read, and QEMU, which runs as the user, would otherwise, too
        others = [f"/{site.HOME}/idle.sub", f"{filer.EXPORT}/{filer.PRIVATE}", site.LOCAL]
        for path in others:
            assert "Permission denied" in inside(confined, found, "cat", path)
        denied = denials.of_text(denials.log(confined)[before:])
        assert denied == [f"a guest: open {path} r" for path in others]
        for name in ("disk.qcow2", ".vm*.in"):
            opens = ["dd", "count=0", "status=none", f"if={found.private}{name}"]
            assert inside(confined, found, *opens) == ""
        with denials.none_but(confined, EXPECTED):
            stack.close()
