"""The hook makes the seed, and the builder attaches it as the guest's last disk; a job without has nothing of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.domain import cli
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.job import Job
from hostile import qcow2
from support.domain.builder_in_process import Programs
from support.domain.disk_files import put
from support.domain.job_ads import ad_of, string

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root defines another user's guest")
SEED = ".kvm-stage-seed"
CONSOLE_SHOWN = 'Out = "console.log"\n'  # for condor_tail


@pytest.fixture
def hook(programs: Programs, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], str]:
    """The hook, as the job's user as far as whose the files are is concerned."""
    where = programs.where
    monkeypatch.setattr(cli, "of_hook", lambda _: Job(where.scratch, where.uid, where.gid))
    monkeypatch.setattr("condor_kvm_stage.guest_facts.load", lambda: GuestFacts(virtiofsd="/usr/libexec/virtiofsd"))
    put(scratch / "disk.qcow2", qcow2())

    def run(ad: bytes) -> str:
        output = programs.hook(ad)
        for path in scratch.iterdir():
            if path.name.startswith(SEED):
                os.chown(path, where.uid, where.gid)
        put(scratch / ".job.ad", ad)
        return output

    return run


def test_job_without_data_gets_nothing(hook: Callable[[bytes], str], scratch: Path) -> None:
    assert hook(ad_of()) == CONSOLE_SHOWN
    assert not (scratch / SEED).exists()


def test_program_is_refused_where_its_guest_could_not_have_the_files(
    hook: Callable[[bytes], str], scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condor_kvm_stage.guest_facts.load", GuestFacts)
    put(scratch / "analyse.sh", b"#!/bin/sh\n")
    assert "write MY.VMPARAM_Job_Files = True, and the job runs where there is one" in hook(ad_of(Cmd='"analyse.sh"'))


def test_program_gets_a_seed_and_a_script_and_its_output_is_shown(hook: Callable[[bytes], str], scratch: Path) -> None:
    put(scratch / "analyse.sh", b"#!/bin/sh\n")
    assert hook(ad_of(Cmd='"analyse.sh"')) == 'Out = "program.out"\nErr = "program.err"\n'
    assert (scratch / ".condor-kvm-stage/status").read_bytes() == b"running\n"
    listed = subprocess.run(["xorriso", "-indev", scratch / SEED, "-ls"], capture_output=True, timeout=30, check=True)
    assert {line.strip(b"'") for line in listed.stdout.split()} >= {b"user-data", b"meta-data", b"vendor-data"}


def test_user_data_gets_a_seed_without_a_program(hook: Callable[[bytes], str], scratch: Path) -> None:
    put(scratch / "user-data", b"#cloud-config\n")
    assert hook(ad_of()) == CONSOLE_SHOWN
    assert b"vendor-data" not in (scratch / SEED).read_bytes()
    assert not (scratch / ".condor-kvm-stage").exists()


def test_directory_that_would_make_a_guest_look_like_one_with_a_program_is_refused(
    hook: Callable[[bytes], str], scratch: Path
) -> None:
    (scratch / ".condor-kvm-stage").mkdir()
    assert "the job brings .condor-kvm-stage" in hook(ad_of())


def test_user_data_that_is_a_symlink_puts_the_job_on_hold(hook: Callable[[bytes], str], scratch: Path) -> None:
    (scratch / "user-data").symlink_to("/etc/shadow")
    assert "user-data is a symlink" in hook(ad_of())
    assert not (scratch / SEED).exists()


@needs_root
@pytest.mark.parametrize(
    ("disks", "device", "bus"),
    [
        ("disk.qcow2:vda:w", "vdzz", "virtio"),
        ("disk.qcow2:vdzz:w,b:vdzy:w", "vdzx", "virtio"),
        ("disk.qcow2:hda:w", "vdzz", "virtio"),
        ("disk.qcow2:sda:w", "sdzz", "scsi"),
    ],
)
def test_seed_is_the_guests_last_disk(
    programs: Programs, hook: Callable[[bytes], str], scratch: Path, disks: str, device: str, bus: str
) -> None:
    put(scratch / "b", qcow2())
    put(scratch / "user-data", b"#cloud-config\n")
    ad = ad_of(VMPARAM_vm_Disk=string(disks))
    hook(ad)
    found = programs.build(ad).domain().findall("devices/disk")[-1]
    assert found.find("readonly") is not None
    assert found.find(f"target[@dev='{device}'][@bus='{bus}']") is not None
    source = found.find("source")
    assert source is not None
    assert source.get("file") == f"{scratch}.condor-kvm-stage/{SEED}"
    assert not os.path.lexists(scratch / SEED), "HTCondor would transfer it back"


@needs_root
def test_sixteen_disks_leave_room_for_the_seed(programs: Programs, hook: Callable[[bytes], str], scratch: Path) -> None:
    names = [f"d{number}" for number in range(16)]
    for name in names:
        put(scratch / name, qcow2())
    put(scratch / "user-data", b"#cloud-config\n")
    ad = ad_of(
        VMPARAM_vm_Disk=string(",".join(f"{name}:vd{letter}:w" for name, letter in zip(names, "abcdefghijklmnop")))
    )
    hook(ad)
    assert len(programs.build(ad).domain().findall("devices/disk")) == 17


def _links(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/shadow")


def _is_anothers(path: Path) -> None:
    os.chown(path, 0, 0)


def _has_two_names(path: Path) -> None:
    os.link(path, path.with_name("second"))


def _is_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@needs_root
@pytest.mark.parametrize("change", [_links, _is_anothers, _has_two_names, _is_a_fifo])
@pytest.mark.timeout(30)
def test_seed_that_the_jobs_user_has_replaced_is_refused(
    programs: Programs, hook: Callable[[bytes], str], scratch: Path, change: Callable[[Path], None]
) -> None:
    put(scratch / "user-data", b"#cloud-config\n")
    hook(ad_of())
    change(scratch / SEED)
    assert f"disk {SEED} " in programs.build(ad_of()).refusal()


@needs_root
@pytest.mark.parametrize("name", ["user-data", "meta-data", "network-config", "analyse.sh"])
def test_job_does_not_start_without_its_data_if_the_hook_has_not_run(
    programs: Programs, scratch: Path, name: str
) -> None:
    put(scratch / "disk.qcow2", qcow2())
    put(scratch / name)
    put(scratch / ".job.ad", ad_of(Cmd='"analyse.sh"'))
    assert "has not run" in programs.build(ad_of(Cmd='"analyse.sh"')).refusal()
