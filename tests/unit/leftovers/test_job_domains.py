"""Which domains are jobs', and which of them are orphans: what virsh and /proc say, and what is made of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.host import FactsError, Host
from condor_kvm_stage.leftovers import job_domains, orphans
from condor_kvm_stage.leftovers.job_domains import Domains
from condor_kvm_stage.leftovers.metadata import JobRef
from support.fake_host import write
from support.fake_node import Clock
from support.fake_virsh import BEGAN, GONE, LIVING, STAT, FakeLibvirt, definition, host_of, mark, uuid


@pytest.fixture
def libvirt() -> FakeLibvirt:
    return FakeLibvirt()


def look(libvirt: FakeLibvirt, root: Path) -> Domains:
    return job_domains.look(host_of(libvirt, root), 5)


def names(libvirt: FakeLibvirt, root: Path) -> list[str]:
    return [domain.name for domain in orphans.among(look(libvirt, root))]


def test_host_without_guests_has_no_orphans(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    assert look(libvirt, tmp_path) == Domains()


def test_orphans_are_those_whose_starter_is_gone_or_another_process(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    libvirt.run(1, "gone", mark(GONE))
    libvirt.run(2, "living", mark(LIVING))
    libvirt.run(3, "other", mark(LIVING, BEGAN - 1))
    libvirt.run(4, "alice_worker_7.0")
    assert names(libvirt, tmp_path) == ["gone", "other"]
    assert [domain.name for domain in look(libvirt, tmp_path).jobs] == ["gone", "living", "other"]


def test_domain_that_is_not_marked_well_is_no_orphan_and_is_told(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    libvirt.run(1, "strange", mark("none"))
    found = look(libvirt, tmp_path)
    assert (orphans.among(found), [domain.name for domain in found.unclear]) == ([], ["strange"])


def test_libvirt_that_does_not_answer_is_a_fault(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    libvirt.run(1, "gone", mark(GONE))
    libvirt.answers["list",] = Answer(-1, fault="virsh did not end within 5 s")
    assert look(libvirt, tmp_path) == Domains("virsh did not end within 5 s")


def test_one_domain_without_an_answer_does_not_hide_the_others(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    for number, name in enumerate(["one", "two", "three"]):
        libvirt.run(number, name, mark(GONE))
    libvirt.answers["dumpxml", uuid(1)] = Answer(-1, fault="virsh did not end within 2 s")
    assert names(libvirt, tmp_path) == ["one", "three"]
    assert look(libvirt, tmp_path).fault == f"the domain {uuid(1)}: virsh did not end within 2 s"


def test_domain_that_ends_meanwhile_is_no_fault(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    libvirt.run(1, "ends", mark(GONE))
    libvirt.before["dumpxml"] = libvirt.running.clear
    assert look(libvirt, tmp_path) == Domains()
    libvirt.run(1, "ends", mark(GONE))
    libvirt.answers["dumpxml",] = Answer(1, errors="error: Domain not found: no domain with matching uuid\n")
    assert look(libvirt, tmp_path) == Domains()


def test_libvirt_that_ends_meanwhile_is_a_fault(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    libvirt.run(1, "gone", mark(GONE))
    libvirt.answers["dumpxml",] = Answer(1, errors="error: failed to connect to the hypervisor\n")
    assert look(libvirt, tmp_path) == Domains(f"the domain {uuid(1)}: error: failed to connect to the hypervisor")


def test_domain_whose_name_is_a_uuid_is_not_taken_for_the_one_that_had_it(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    """virsh looks for a domain of that name if there is none of that UUID."""
    libvirt.run(1, "ends", mark(GONE))
    libvirt.answers["dumpxml", uuid(1)] = Answer(0, definition(2, uuid(1), mark(GONE)))
    assert look(libvirt, tmp_path) == Domains()


def test_time_that_is_over_is_a_fault(libvirt: FakeLibvirt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(job_domains, "time", clock)
    libvirt.before["dumpxml"] = lambda: clock.sleep(6)
    libvirt.run(1, "one", mark(GONE))
    libvirt.run(2, "two", mark(GONE))
    found = look(libvirt, tmp_path)
    assert [domain.name for domain in found.jobs] == ["one"]
    assert found.fault == "there are more than can be inspected in 5 s"


def test_starter_of_which_nothing_can_be_told_is_not_taken_for_gone(libvirt: FakeLibvirt, tmp_path: Path) -> None:
    write(tmp_path, f"proc/{GONE}/stat", "379 (cut off")
    libvirt.run(1, "unknown", mark(GONE))
    found = look(libvirt, tmp_path)
    assert (found.jobs, f"/proc/{GONE}/stat is not as in" in found.fault) == ((), True)


@pytest.mark.parametrize("name", ["condor_starter", "a b", ")", "(", f") S {'1 ' * 19} 7 (", "\n"])
def test_processes_beginning_is_found_whatever_its_program_is_called(tmp_path: Path, name: str) -> None:
    text = STAT.format(pid=LIVING, began=BEGAN).replace("a) 1 (b c", name)
    host = host_of(FakeLibvirt(), tmp_path)
    write(tmp_path, f"proc/{LIVING}/stat", text)
    assert job_domains.start_time(host, LIVING) == BEGAN


@pytest.mark.parametrize("text", ["", "412", "412 (x) S", STAT.format(pid=LIVING, began="x")])
def test_what_is_no_status_of_a_process_is_refused(tmp_path: Path, text: str) -> None:
    host = host_of(FakeLibvirt(), tmp_path)
    write(tmp_path, f"proc/{LIVING}/stat", text)
    with pytest.raises(FactsError, match=f"/proc/{LIVING}/stat is not as in"):
        job_domains.start_time(host, LIVING)


def test_process_that_is_there_is_found_on_this_host() -> None:
    assert job_domains.start_time(Host(), os.getpid()) is not None
    assert orphans.is_orphan(JobRef("/x", os.getpid(), 0), job_domains.start_time(Host(), os.getpid()))
