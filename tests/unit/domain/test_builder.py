"""The builder prints a definition and ends with status 0, whatever it reads, finds or stumbles over: or a refusal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condor_kvm_stage import guest_facts, installed
from condor_kvm_stage.domain import job_ad
from condor_kvm_stage.guest_facts import GuestFacts
from hostile import qcow2
from support.domain import builder_in_process, console_keeper
from support.domain.builder_in_process import Programs
from support.domain.disk_files import put, see
from support.domain.job_ads import ad_of, string
from support.processes import NOBODY

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root defines another user's guest")


@needs_root
def test_job_of_ordinary_form_becomes_a_guest(programs: Programs, scratch: Path, tmp_path: Path) -> None:
    base = put(tmp_path / "base.qcow2", qcow2(), 0)
    put(scratch / "disk.qcow2", qcow2(backing=bytes(base)))
    before = see(base)
    domain = programs.build(ad_of()).domain()
    assert domain.attrib == {"type": "kvm"}
    assert domain.findtext("name") == "alice_worker_1.0"
    shelter = f"{scratch}.condor-kvm-stage"
    assert [source.get("file") for source in domain.iterfind(".//source[@file]")] == [
        f"{shelter}/disk.qcow2",
        str(base),
    ]
    keeper = programs.keeper()
    keeper.print(b"Linux version\n")
    keeper.end()
    assert (scratch / "console.log").read_bytes() == b"Linux version\n"
    assert (scratch / "console.log").stat().st_uid == NOBODY
    assert see(base) == before


@needs_root
def test_definition_says_by_which_job_it_can_be_found(programs: Programs, scratch: Path) -> None:
    put(scratch / "disk.qcow2", qcow2())
    job = programs.build(ad_of()).domain().find("metadata/{urn:condor-kvm-stage:job}job")
    assert job is not None
    where = programs.where
    assert job.attrib == {"scratch": where.scratch, "starter": str(where.starter), "started": str(where.started)}


@needs_root
@pytest.mark.parametrize(("whole_ad", "cache"), [(b"VMPARAM_No_Output_VM = true\n", "unsafe"), (b"", "writeback")])
def test_flushes_are_left_out_only_by_what_the_whole_ad_says(
    programs: Programs, scratch: Path, whole_ad: bytes, cache: str
) -> None:
    """The vm-gahp hands over a part of it."""
    put(scratch / "disk.qcow2", qcow2())
    put(scratch / ".job.ad", whole_ad)
    driver = programs.build(ad_of()).domain().find(".//driver")
    assert driver is not None
    assert driver.get("cache") == cache


@needs_root
def test_host_is_taken_as_the_generator_has_found_it(
    programs: Programs, scratch: Path, site_policy: Callable[[str], None]
) -> None:
    site_policy("[guest]\nvnc = true\n")
    put(scratch / "disk.qcow2", qcow2())
    known = GuestFacts("host-passthrough", networks=["bridge"], bridge="br7")
    Path(installed.GUEST_FACTS).write_bytes(guest_facts.to_bytes(known))
    domain = programs.build(ad_of(JobVMNetworking="true", JobVMVNCConsole="true")).domain()
    assert domain.find("cpu[@mode='host-passthrough']") is not None
    assert domain.find(".//interface[@type='bridge']/source[@bridge='br7']") is not None
    assert domain.find(".//graphics") is not None


@needs_root
def test_job_is_refused_for_what_the_hook_would_have_said(programs: Programs, scratch: Path) -> None:
    (scratch / "disk.qcow2").symlink_to("/etc/shadow")
    assert programs.build(ad_of()).refusal().startswith("disk disk.qcow2 is a symlink; ")
    (scratch / "disk.qcow2").unlink()


@needs_root
def test_refused_job_leaves_no_process_and_no_console(programs: Programs, scratch: Path) -> None:
    put(scratch / "disk.qcow2", qcow2(incompatible_features=4))
    assert "keeps its data in another file" in programs.build(ad_of()).refusal()
    assert builder_in_process.of_consoles() == []
    assert not (scratch / "console.log").exists()


@needs_root
def test_console_log_of_the_jobs_refuses_it(programs: Programs, scratch: Path) -> None:
    put(scratch / "disk.qcow2", qcow2())
    put(scratch / "console.log", b"precious")
    assert "rename that file" in programs.build(ad_of()).refusal()
    assert (scratch / "console.log").read_bytes() == b"precious"


def test_job_without_a_name_is_refused(programs: Programs) -> None:
    assert "has given the virtual machine no name" in programs.build(ad_of(VMPARAM_VM_NAME=None)).refusal()


def test_policy_that_is_broken_refuses_every_job(programs: Programs, site_policy: Callable[[str], None]) -> None:
    site_policy("nonsense")
    assert "config.toml" in programs.build(ad_of()).refusal()


@pytest.mark.parametrize("name", ["VMGAHP_WORKING_DIR", "VMGAHP_USER_UID", "VMGAHP_USER_GID"])
@pytest.mark.parametrize("text", [None, "", "0", "-1", "/nonexistent/scratch", "\udcff"])
def test_environment_that_is_not_htcondors_refuses_the_job(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None
) -> None:
    if text is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, text)
    assert programs.build(ad_of()).refusal()


def test_vm_gahp_that_is_gone_refuses_the_job(programs: Programs) -> None:
    programs.gahp = 1 << 22  # above the kernel's own largest
    assert "there is no process 4194304" in programs.build(ad_of()).refusal()


def test_input_that_is_far_too_large_is_refused_without_being_kept(programs: Programs) -> None:
    assert "more than 4194304 bytes" in programs.build(b"x" * (job_ad.LARGEST + 1000)).refusal()


def test_value_that_is_far_too_large_makes_no_refusal_that_libvirt_cannot_take(programs: Programs) -> None:
    printed = programs.build(ad_of(VMPARAM_vm_Disk=string("\1" * (job_ad.LARGEST // 4))))
    assert printed.refusal()
    assert len(printed.text) < 100_000


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(programs: Programs, data: bytes) -> None:
    assert programs.build(data).refusal()


STEPS = [
    *["of_builder", "load", "guest_facts.load", "job_ad.read", "request.parse", "private_dir.make"],
    *["disks.inspect", "request.is_output", "console.check_free", "console.start", "domain_xml.definition"],
]


@needs_root
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", [ZeroDivisionError, MemoryError, RecursionError, OSError, UnicodeError, SystemError])
def test_bug_in_any_step_is_a_refusal(
    programs: Programs, scratch: Path, monkeypatch: pytest.MonkeyPatch, step: str, kind: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise kind("reason <&>")

    put(scratch / "disk.qcow2", qcow2())
    monkeypatch.setattr(f"condor_kvm_stage.domain.cli.{step}", fail)
    assert f"bug in condor-kvm-stage-domain, please report it: {kind.__name__}" in programs.build(ad_of()).refusal()


@needs_root
def test_bug_after_the_console_has_begun_leaves_a_process_that_ends_with_the_starter(
    programs: Programs, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(scratch / "disk.qcow2", qcow2())
    monkeypatch.setattr("condor_kvm_stage.domain.domain_xml.definition", lambda guest: 1 // 0)
    assert programs.build(ad_of()).refusal()
    keeper = programs.keeper()
    os.kill(programs.where.starter, 9)
    os.waitpid(programs.where.starter, 0)
    keeper.end()


def test_input_that_is_closed_is_a_refusal(programs: Programs) -> None:
    assert programs.build(None).refusal()


def test_nothing_is_left_running(programs: Programs) -> None:
    before = console_keeper.children()
    programs.build(ad_of())
    assert console_keeper.children() == before
