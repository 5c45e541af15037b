"""Trial guests in EXECUTE: what is reported, what keeps them from being tried, and that nothing is left."""

from __future__ import annotations

import fcntl
import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage import guest_trial, selinux
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.domain import job_files, node_trial, private_dir, qemu_identity, trial
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.guest_trial import Label, Report, Start
from support import fake_selinux
from support.domain.guests import GROUP
from support.fake_host import FakeHost
from support.processes import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user's")

VIRSH, TEST = "/usr/bin/virsh", "/usr/bin/test"
IMAGE = "/srv/images/base.qcow2"
STARTED = Answer(0)


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(trial, "user_of", lambda _: pwd.getpwuid(NOBODY))
    monkeypatch.setattr(qemu_identity, "_group_of_libvirt", lambda: GROUP)
    monkeypatch.setattr(node_trial, "GUEST_FACTS", str(tmp_path / "guest"))
    place = tmp_path / "execute"
    place.mkdir()
    return place


def tried(
    execute: Path,
    virsh: Answer | Callable[[tuple[str, ...]], Answer] = STARTED,
    *networks: str,
    may_search: bool = True,
    image: str = "",
) -> list[Start]:
    host = FakeHost(execute.parent, programs={VIRSH: virsh, TEST: Answer(0 if may_search else 1)})
    return list(node_trial.try_all(host, GuestFacts(networks=list(networks), bridge="br0"), str(execute), image))


def failing(why: str) -> Answer:
    return Answer(1, errors=f"error: Failed to create domain from /x\nerror: {why}\n")


def test_each_network_is_tried_also_after_one_that_fails(execute: Path) -> None:
    answers = iter([failing("network 'default' is not active"), Answer(0)])
    assert tried(execute, lambda _: next(answers), "nat", "bridge") == [
        Start("nat", "network 'default' is not active"),
        Start("bridge"),
    ]


def test_guest_has_its_disk_in_execute_and_nothing_is_left_there(execute: Path) -> None:
    disks: list[str] = []

    def virsh(command: tuple[str, ...]) -> Answer:
        definition = ElementTree.parse(command[-1].split()[3].rstrip(";")).getroot()
        disks.extend(source.get("file", "") for source in definition.iterfind("devices/disk/source"))
        return Answer(0)

    assert tried(execute, virsh) == [Start()]
    assert [path.startswith(f"{execute}/condor-kvm-stage-trial-") for path in disks] == [True]
    assert list(execute.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (STARTED, Start()),
        (failing("Permission denied"), Start(fault="Permission denied")),
        (
            Answer(-1, fault="virsh did not end within 90 s"),
            Start(fault="virsh did not end within 90 s", is_known=False),
        ),
    ],
)
def test_guest_with_its_jobs_files_is_tried_with_their_socket(
    execute: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, found: Start
) -> None:
    monkeypatch.setattr(job_files, "start", lambda directory, *_: f"{directory.path}/socket")
    sockets: list[str] = []

    def virsh(command: tuple[str, ...]) -> Answer:
        definition = ElementTree.parse(command[-1].split()[3].rstrip(";")).getroot()
        sockets.extend(source.get("socket", "") for source in definition.iterfind("devices/filesystem/source"))
        return answer

    host = FakeHost(execute.parent, programs={VIRSH: virsh})
    assert node_trial.try_files(host, GuestFacts(virtiofsd="/usr/libexec/virtiofsd"), str(execute)) == found
    assert [path.startswith(f"{execute}/condor-kvm-stage-trial-") for path in sockets] == [True]
    assert list(execute.iterdir()) == []


def test_virtiofsd_that_does_not_start_is_named(execute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_files, "LONGEST", 500)
    monkeypatch.setattr(private_dir.PrivateDir, "listen", lambda *_: socket.socket(socket.AF_UNIX))
    facts = GuestFacts(virtiofsd="/nonexistent/virtiofsd")
    found = node_trial.try_files(FakeHost(execute.parent, programs={}), facts, str(execute))
    assert found
    assert "cannot give the guest the job's files: " in found.fault


def test_path_that_only_a_trials_name_makes_too_long_is_no_fault(
    execute: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "LONGEST", 20)
    facts = GuestFacts(virtiofsd="/usr/libexec/virtiofsd")
    assert node_trial.try_files(FakeHost(execute.parent, programs={}), facts, str(execute)) is None


@pytest.mark.parametrize("fault", ["virsh did not end within 90 s", "no program virsh"])
def test_libvirt_that_cannot_be_asked_is_no_fault_and_is_not_asked_again(execute: Path, fault: str) -> None:
    answer = Answer(-1, fault=fault)
    assert tried(execute, answer, "nat", "bridge") == [Start("nat", fault, is_known=False)]


@pytest.mark.parametrize(("image", "is_known"), [(IMAGE, False), ("", True)])
def test_image_that_a_user_locks_does_not_condemn_the_node(
    execute: Path, monkeypatch: pytest.MonkeyPatch, image: str, is_known: bool
) -> None:
    own_disk = node_trial.prepare
    monkeypatch.setattr(node_trial, "prepare", lambda host, job, facts, _: own_disk(host, job, facts, ""))
    (start,) = tried(execute, failing('Failed to get shared "write" lock'), image=image)
    assert (start.fault, start.is_known) == ('Failed to get shared "write" lock', is_known)


@pytest.mark.parametrize(("mode", "is_known"), [(0o700, True), (0o710, False)])
def test_execute_that_users_cannot_search_is_named(execute: Path, mode: int, is_known: bool) -> None:
    execute.chmod(mode)
    (start,) = tried(execute, may_search=False)
    assert f"{execute} (mode {mode:04o})" in start.fault
    assert (start.step, start.is_known) == (f"chmod o+x {execute}", is_known)


def test_directory_above_execute_is_named_if_that_is_the_one(execute: Path) -> None:
    execute.parent.chmod(0o700)
    (start,) = tried(execute, may_search=False)
    execute.parent.chmod(0o755)
    assert start.step == f"chmod o+x {execute.parent}"


def test_execute_in_which_jobs_could_replace_what_root_uses_gets_no_guest(execute: Path) -> None:
    execute.chmod(0o777)
    (start,) = tried(execute, Answer(1, fault="not to be asked"))
    assert "writable for the users of jobs" in start.fault
    assert list(execute.iterdir()) == []


def test_full_execute_is_a_fault_in_words(execute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert [start.fault for start in tried(execute)] == [
        f"cannot prepare a guest in {execute}: No space left on device"
    ]


def test_only_roots_directories_are_swept(execute: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, uid in (("condor-kvm-stage-trial-old", 0), ("condor-kvm-stage-trial-not-ours", NOBODY), ("dir_7", 0)):
        (execute / name).mkdir()
        os.chown(execute / name, uid, -1)
    (execute / "condor-kvm-stage-trial-link").symlink_to(execute / "dir_7")
    (execute / "dir_7/precious").touch()
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("condor-kvm-stage-trial-old.log", "alice_worker_1.0.log"):
        (logs / name).touch()
    monkeypatch.setattr(node_trial, "GUEST_LOGS", str(logs))
    host = FakeHost(Path("/"), programs={VIRSH: Answer(0)})
    node_trial._sweep(host, str(execute))
    assert [path.name for path in logs.iterdir()] == ["alice_worker_1.0.log"]
    left = {path.name for path in execute.iterdir()}
    assert left == {"condor-kvm-stage-trial-not-ours", "condor-kvm-stage-trial-link", "dir_7"}
    assert (execute / "dir_7/precious").exists()
    assert any("list" in command for command in host.asked), "guests of trials that were killed are destroyed"


def test_second_trial_waits_and_says_so(execute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_trial, "_LOCK_TIMEOUT", 0.2)
    other = os.open(execute.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        report = guest_trial.from_json(node_trial.run(str(execute), []))
    finally:
        os.close(other)
    assert report == Report([Start(fault="another trial has not ended", is_known=False)])


def test_node_that_was_not_configured_is_told_how(execute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_trial, "GUEST_FACTS", str(execute / "none/guest"))
    (start,) = node_trial._report(str(execute), []).starts
    assert (start.step, start.is_known) == ("condor-kvm-stage-genconfig --apply", False)


def test_labels_are_what_the_kernel_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_selinux.mount(
        tmp_path / "selinux",
        monkeypatch,
        lambda path: "nfs_t" if path == IMAGE else "var_t",
        lambda target, name: 0 if target == "nfs_t" else fake_selinux.bits(name, *fake_selinux._CLASSES[name][1]),
    )
    denied = node_trial.label(IMAGE, fake_selinux.GUEST)
    assert denied.step == "setsebool -P virt_use_nfs on"
    assert node_trial.label("/srv/images/other.qcow2", fake_selinux.GUEST) == Label("/srv/images/other.qcow2")


def test_image_that_guests_may_not_read_is_not_tried(execute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what it would hide is."""
    labels = {"/a": Label("/a", "denied", "allow it"), "/b": Label("/b", "not known"), "/c": Label("/c")}
    monkeypatch.setattr("condor_kvm_stage.guest_facts.load", lambda: GuestFacts(selinux=fake_selinux.GUEST))
    monkeypatch.setattr(node_trial, "label", lambda image, _: labels[image])
    monkeypatch.setattr(selinux, "is_enforcing", lambda: True)
    monkeypatch.setattr(node_trial, "try_all", lambda *words: [Start(fault=words[-1])])
    assert node_trial._report(str(execute), ["/a", "/b", "/c"]) == Report(
        [Start(fault="/b")], list(labels.values()), "/b"
    )


def test_label_that_the_kernel_does_not_tell_is_not_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise selinux.NotKnown("no such file")

    monkeypatch.setattr(selinux, "find_denial", silent)
    label = node_trial.label(IMAGE, fake_selinux.GUEST)
    assert (bool(label.fault), label.step) == (True, "")
