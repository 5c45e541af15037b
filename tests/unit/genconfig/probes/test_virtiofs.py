"""Whether guests can have their jobs' files: what the host's virtiofsd and libvirt say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from condor_kvm_stage.answer import LATE, NO_STATUS, Answer
from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, unknown
from condor_kvm_stage.genconfig.probes import guest_support, virtiofs
from condor_kvm_stage.genconfig.probes.guest_support import GuestSupport
from condor_kvm_stage.guest_facts import GuestFacts
from support.fake_host import CAPABILITIES, FakeHost, write

PROGRAM = "/usr/libexec/virtiofsd"
HELP = Answer(0, "      --translate-uid <TRANSLATE_UID>\n          Describe how to translate UIDs\n")
OLD = Answer(0, "      --uid-map <UID_MAP>\n")
SLOW = Answer(NO_STATUS, fault=f"{PROGRAM}{LATE}20 s")
DRIVERS = "<filesystem><enum name='driverType'><value>path</value><value>virtiofs</value></enum></filesystem>"
MEMORY = "<memoryBacking><enum name='sourceType'><value>anonymous</value><value>memfd</value></enum></memoryBacking>"
KNOWS = CAPABILITIES.replace("</devices>", f"{DRIVERS}</devices>{MEMORY}")


def describe(root: Path, name: str, said: object) -> None:
    """Let a package say which program serves devices."""
    text = said if isinstance(said, str) else json.dumps(said)
    write(root, f"{virtiofs.DIRECTORIES[1].lstrip('/')}/{name}", text)


def host_with(root: Path, answer: Answer = HELP, capabilities: str = KNOWS) -> FakeHost:
    write(root, "proc/sys/kernel/arch", "x86_64\n")
    describe(root, "50-virtiofsd.json", {"type": "fs", "binary": PROGRAM})
    programs = {"/usr/bin/virsh": Answer(0, capabilities), "/usr/libexec/qemu-kvm": Answer(0), PROGRAM: answer}
    return FakeHost(root, programs=programs)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HELP, PASSED),
        (OLD, failed(f"{PROGRAM} is older than version 1.13, and cannot run as a job's user")),
        (Answer(1, "", "cannot open shared object file\n"), failed("cannot open shared object file")),
        (SLOW, unknown(SLOW.fault)),
    ],
)
def test_virtiofsd_is_asked_whether_it_needs_no_privileges(tmp_path: Path, answer: Answer, outcome: Outcome) -> None:
    assert virtiofs.start(host_with(tmp_path, answer))() == (PROGRAM, outcome)
    found = guest_support.probe(host_with(tmp_path, answer))
    assert (found.files, found.facts.virtiofsd) == (outcome, PROGRAM if outcome.passed else "")


@pytest.mark.parametrize(
    "said", ["", "{", "[]", {"type": "gpu", "binary": PROGRAM}, {"type": "fs"}, {"type": "fs", "binary": 1}]
)
def test_what_names_no_program_for_file_systems_is_passed_over(tmp_path: Path, said: object) -> None:
    host = host_with(tmp_path)
    describe(tmp_path, "10-other.json", said)
    assert virtiofs.start(host)()[0] == PROGRAM
    describe(tmp_path, "50-virtiofsd.json", said)
    assert virtiofs.start(host)() == ("", failed("there is no virtiofsd"))


def test_program_that_is_not_there_is_none(tmp_path: Path) -> None:
    host = host_with(tmp_path)
    del host.programs[PROGRAM]
    assert virtiofs.start(host)() == ("", failed("there is no virtiofsd"))


@pytest.mark.parametrize("part", [DRIVERS, MEMORY])
def test_libvirt_must_know_virtiofs_and_shared_memory(tmp_path: Path, part: str) -> None:
    found = guest_support.probe(host_with(tmp_path, capabilities=KNOWS.replace(part, "")))
    assert found.files == failed("libvirt, or its QEMU, does not know virtiofs")
    assert (found.facts.virtiofsd, found.capabilities) == ("", PASSED)


def test_what_is_not_known_now_is_as_it_was() -> None:
    before = GuestFacts(virtiofsd=PROGRAM)
    late = GuestSupport(GuestFacts(), PASSED, PASSED, unknown("slow"))
    assert late.offered((), "", before).virtiofsd == PROGRAM
    gone = GuestSupport(GuestFacts(), PASSED, PASSED, failed("there is no virtiofsd"))
    assert gone.offered((), "", before).virtiofsd == ""
