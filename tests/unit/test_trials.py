"""What --check tries out: what each trial runs, what it makes of the answers, and that none waits for another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from unit.hosts import FakeHost, Program

from condor_kvm_stage.genconfig import facts, trials
from condor_kvm_stage.genconfig.host import Answer
from condor_kvm_stage.genconfig.trials import DirectoryTrial, Trials
from condor_kvm_stage.policy import Policy

GAHP = "/usr/sbin/condor_vm-gahp"
FIND, HEAD = "/usr/bin/find", "/usr/bin/head"
PASSED = Answer(0, 'VM_GAHP_VERSION = "25.14.1"\nVM_Type = "kvm"\nVM_Memory = 60800\n')
PLUGIN = Answer(0, 'SupportedMethods = "nfs"\n')
IMAGE = Answer(0, "/srv/images/base.qcow2\n")
# As condor_vm-gahp 25.14 says it
LOG = """11/22/26 12:48:01 SharedPortEndpoint: failed to open /var/lock/condor/shared_port_ad: No such file or directory
11/22/26 12:48:01 VM-GAHP initialized with run-mode 0
Initialize Uids: caller=root, job user=condor
{}**** condor_vm-gahp (condor_VM_GAHP) pid 11 EXITING WITH STATUS 1
"""

Programs = Mapping[str, "Answer | Program"]
Try = Callable[..., Trials]


@pytest.fixture
def carry_out(tmp_path: Path) -> Try:
    """Carry out the trials on a host that has the programs."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal:       65536000 kB\n")

    def run(programs: Programs, policy: Policy | None = None, mounts: str = "", as_root: bool = True) -> Trials:
        (tmp_path / "proc/self").mkdir(exist_ok=True)
        (tmp_path / "proc/self/mountinfo").write_text(mounts)
        host = FakeHost(tmp_path, programs=programs, as_root=as_root)
        return trials.carry_out(host, facts.collect(host), policy)

    return run


def policy(*image_dirs: str, canary: str = "") -> Policy:
    site = Policy()
    site.staging.image_dirs = list(image_dirs)
    site.staging.canary_image = canary
    return site


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the trials make their temporary directories."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


def test_host_without_anything_has_a_reason_for_each_trial(carry_out: Try) -> None:
    found = carry_out({}, Policy())
    assert (found.gahp, found.unit, found.directories, found.canary) == (None, "", (), None)
    assert found.plugin == f"no program {trials.PLUGIN}"
    assert found.running.fault == "no program condor_config_val"
    assert found.user == "this user"


def test_broken_policy_keeps_nothing_but_its_images_from_being_tried(carry_out: Try) -> None:
    found = carry_out({GAHP: PASSED, trials.PLUGIN: PLUGIN}, None)
    assert (found.gahp, found.plugin, found.directories, found.canary) == ("", "", (), None)


def test_gahp_is_asked_as_the_startd_asks_it(carry_out: Try) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(command: tuple[str, ...]) -> Answer:
        asked.append(command)
        return PASSED

    assert carry_out({GAHP: answer}).gahp == ""
    assert asked == [(GAHP, "-f", "-t", "-M", "0", "vmtype", "kvm")]


def test_only_root_can_run_the_test_of_the_gahp(carry_out: Try) -> None:
    assert carry_out({GAHP: PASSED}, as_root=False).gahp is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            Answer(1, "", LOG.format("File(/dev/kvm) can't be read\n\nFile Permission Error: Cannot read /dev/kvm\n")),
            "File Permission Error: Cannot read /dev/kvm",
        ),
        (
            Answer(1, "", LOG.format("libvirt: XML-RPC error : no\nFailed to create libvirt connection: no\n")),
            "Failed to create libvirt connection: no",
        ),
        (
            Answer(1, "", LOG.format("\nERROR: 'VM_MEMORY' is not defined in configuration\n")),
            "ERROR: 'VM_MEMORY' is not defined in configuration",
        ),
        (Answer(1, "", LOG.format("")), "**** condor_vm-gahp (condor_VM_GAHP) pid 11 EXITING WITH STATUS 1"),
        (Answer(1), "exit status 1"),
        (Answer(0, "VM_Type = kvm\n"), "VM_Type = kvm"),
        (Answer(-1, fault="condor_vm-gahp did not end within 5 s"), "condor_vm-gahp did not end within 5 s"),
    ],
)
def test_failure_of_the_gahp_is_the_line_of_its_log_that_tells_why(carry_out: Try, answer: Answer, reason: str) -> None:
    assert carry_out({GAHP: answer}).gahp == reason


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (PLUGIN, ""),
        (Answer(0), "exit status 0"),
        (Answer(1, "", "python3: bad interpreter\n"), "python3: bad interpreter"),
        (Answer(-1, fault="vm-nfs-plugin did not end within 5 s"), "vm-nfs-plugin did not end within 5 s"),
    ],
)
def test_plugin_must_say_what_it_supports(carry_out: Try, answer: Answer, fault: str) -> None:
    assert carry_out({trials.PLUGIN: answer}).plugin == fault


def test_unit_is_in_the_state_that_systemd_says_whatever_its_exit_status(carry_out: Try) -> None:
    assert carry_out({"/usr/bin/systemctl": Answer(1, "disabled\n")}).unit == "disabled"


def test_directory_is_tried_with_its_first_image(carry_out: Try) -> None:
    staged: list[tuple[str, ...]] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        staged.append(command)
        return PLUGIN

    found = carry_out({FIND: IMAGE, HEAD: Answer(0), trials.PLUGIN: plugin}, policy("/srv/images")).directories
    assert found == (DirectoryTrial("/srv/images", "/srv/images/base.qcow2", "", ""),)
    assert [command[1] for command in staged if len(command) == 3] == ["nfs:///srv/images/base.qcow2:check.qcow2"]


def test_directory_without_an_image_is_no_failure(carry_out: Try) -> None:
    found = carry_out({FIND: Answer(0)}, policy("/srv/images")).directories
    assert found == (DirectoryTrial("/srv/images", "", "", ""),)


@pytest.mark.parametrize(
    ("programs", "fault"),
    [
        ({FIND: Answer(1, "", "find: '/srv/images': Permission denied\n")}, "'/srv/images': Permission denied"),
        ({FIND: Answer(-1, fault="find did not end within 5 s")}, "the share did not answer within 5 s"),
        (
            {FIND: IMAGE, HEAD: Answer(1, "", "head: cannot open 'base.qcow2' for reading: Permission denied\n")},
            "this user cannot read /srv/images/base.qcow2: Permission denied; its owner must run: chmod o+r "
            "/srv/images/base.qcow2",
        ),
        (
            {FIND: IMAGE, HEAD: Answer(0), trials.PLUGIN: Answer(6, "", "vm-nfs-plugin: cannot open image x: no\n")},
            "cannot open image x: no",
        ),
        (
            {FIND: IMAGE, HEAD: Answer(0), trials.PLUGIN: Answer(-1, fault="vm-nfs-plugin did not end within 5 s")},
            "the share did not answer within 5 s",
        ),
        ({FIND: IMAGE, HEAD: Answer(0)}, f"no program {trials.PLUGIN}"),
    ],
)
def test_directory_fails_with_the_reason_alone(carry_out: Try, programs: Programs, fault: str) -> None:
    (found,) = carry_out(programs, policy("/srv/images")).directories
    assert found.fault == fault


@pytest.mark.parametrize(
    ("answer", "fault"), [(PLUGIN, ""), (Answer(6, "", "vm-nfs-plugin: the share is gone\n"), "the share is gone")]
)
def test_canary_image_is_staged(carry_out: Try, answer: Answer, fault: str) -> None:
    asked: list[tuple[str, ...]] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        asked.append(command)
        return answer

    assert carry_out({trials.PLUGIN: plugin}, policy(canary="/srv/canary.qcow2")).canary == fault
    assert "nfs:///srv/canary.qcow2:canary.qcow2" in {command[1] for command in asked}


def test_image_is_staged_in_a_directory_of_its_own_that_is_removed_then(tmp_path: Path, temporary: Path) -> None:
    seen: list[Path] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        seen.append(Path(command[2]))
        assert list(seen[0].parent.iterdir()) == []
        seen[0].write_text("overlay")
        return Answer(0)

    assert trials.stage(FakeHost(tmp_path, programs={trials.PLUGIN: plugin}), "nfs:///x:y") == ""
    assert seen[0].parent.parent == temporary
    assert list(temporary.iterdir()) == []


class SwitchingHost(FakeHost):
    """A host on which the trials are run as the tests' own user, under a name."""

    def job_user(self) -> str:
        return "somebody"


def test_directory_belongs_to_the_user_that_stands_for_those_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr("pwd.getpwnam", lambda name: type("Entry", (), {"pw_uid": {"somebody": 4711}[name]}))
    monkeypatch.setattr(os, "chown", lambda *arguments: given.append(arguments))
    seen: list[Path] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        seen.append(Path(command[2]).parent)
        return Answer(0)

    assert trials.stage(SwitchingHost(tmp_path, programs={trials.PLUGIN: plugin}), "nfs:///x:y") == ""
    assert given == [(seen[0], 4711, -1)]


ROOT = "61 1 253:0 / / rw shared:1 - xfs /dev/vda2 rw\n"
SHARE = "70 61 0:48 / /srv rw shared:2 - nfs4 filer:/export rw\n"
INNER = "71 70 253:3 / /srv/images rw shared:3 - ext4 /dev/vdb1 rw\n"


@pytest.mark.parametrize(
    ("mounts", "source"),
    [
        ("", ""),
        (ROOT, ""),
        (ROOT + SHARE, "nfs4 filer:/export"),
        (ROOT + SHARE + INNER, "ext4 /dev/vdb1"),
        (ROOT + INNER + SHARE, "ext4 /dev/vdb1"),
        (ROOT + SHARE.replace("/srv ", "/srv/images "), "nfs4 filer:/export"),
        (ROOT + SHARE.replace("/srv ", "/srv/im "), ""),
        (ROOT + SHARE.replace("/srv ", "/srv/images/deeper "), ""),
    ],
    ids=["nothing", "root", "above", "nested", "nested, in the other order", "at it", "its name begins", "below"],
)
def test_source_is_what_is_mounted_nearest_above(carry_out: Try, mounts: str, source: str) -> None:
    (found,) = carry_out({FIND: Answer(0)}, policy("/srv/images"), mounts).directories
    assert found.source == source


def test_no_trial_waits_for_another(carry_out: Try) -> None:
    """Each waits until all of them are under way: five directories, canary, plug-in, gahp and unit."""
    barrier = threading.Barrier(9)

    def together(command: tuple[str, ...]) -> Answer:
        barrier.wait(timeout=10)
        return Answer(0)

    programs = dict.fromkeys([FIND, trials.PLUGIN, GAHP, "/usr/bin/systemctl"], together)
    carry_out(programs, policy("/a", "/b", "/c", "/d", "/e", canary="/f"))
