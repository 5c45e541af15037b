"""The trials of images: one of each directory, and the canary; as which user, where, from which share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.checks import image_trials, trials
from condor_kvm_stage.genconfig.checks.image_trials import DirectoryTrial
from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, not_tried, unknown
from condor_kvm_stage.plugin import url
from support.fake_host import FakeHost
from support.trial_programs import FIND, HEAD, IMAGE, PATH_OF_PLUGIN, PLUGIN, Programs, Try, policy


def test_directory_is_tried_with_its_first_image(carry_out: Try) -> None:
    staged: list[tuple[str, ...]] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        staged.append(command)
        return PLUGIN

    found = carry_out({FIND: IMAGE, PATH_OF_PLUGIN: plugin}, policy("/srv/images")).directories
    assert found == (DirectoryTrial("/srv/images", "/srv/images/base.qcow2", PASSED, ""),)
    assert [command[1] for command in staged if len(command) == 3] == ["nfs:///srv/images/base.qcow2:check.qcow2"]


@pytest.mark.parametrize("answer", [Answer(0), Answer(1, "", "find: '/srv/images': Permission denied\n")])
def test_directory_without_an_image_that_this_user_may_read_is_no_failure(carry_out: Try, answer: Answer) -> None:
    """The users of jobs may read others."""
    found = carry_out({FIND: answer}, policy("/srv/images")).directories
    assert found == (DirectoryTrial("/srv/images", "", not_tried("has no image that this user may read"), ""),)


@pytest.mark.parametrize(
    ("programs", "fault"),
    [
        (
            {FIND: Answer(1, "", "find: '/srv/images': No such file or directory\n")},
            "'/srv/images': No such file or directory",
        ),
        (
            {FIND: Answer(-1, fault="find did not end within 5 s")},
            "the share did not answer: find did not end within 5 s",
        ),
        (
            {FIND: IMAGE, PATH_OF_PLUGIN: Answer(6, "", "vm-nfs-plugin: cannot open image x: no\n")},
            "cannot open image x: no",
        ),
        (
            {FIND: IMAGE, PATH_OF_PLUGIN: Answer(-1, fault="vm-nfs-plugin did not end within 5 s")},
            "the share did not answer: vm-nfs-plugin did not end within 5 s",
        ),
        ({FIND: IMAGE}, "no program /usr/local/bin/vm-nfs-plugin"),
    ],
)
def test_directory_fails_with_the_reason_alone(carry_out: Try, programs: Programs, fault: str) -> None:
    (found,) = carry_out(programs, policy("/srv/images")).directories
    assert found.outcome == (unknown(fault) if "did not end" in fault else failed(fault))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(PLUGIN, PASSED), (Answer(6, "", "vm-nfs-plugin: the share is gone\n"), failed("the share is gone"))],
)
def test_canary_image_is_staged(carry_out: Try, answer: Answer, outcome: Outcome) -> None:
    asked: list[tuple[str, ...]] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        asked.append(command)
        return answer

    assert carry_out({PATH_OF_PLUGIN: plugin}, policy(canary="/srv/canary.qcow2")).canary == outcome
    assert "nfs:///srv/canary.qcow2:canary.qcow2" in {command[1] for command in asked}


def test_image_is_staged_in_a_directory_of_its_own_that_is_removed_then(tmp_path: Path, temporary: Path) -> None:
    paths: list[Path] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        paths.append(Path(command[2]))
        assert list(paths[0].parent.iterdir()) == []
        paths[0].write_text("overlay")
        return Answer(0)

    assert image_trials.stage(FakeHost(tmp_path, programs={PATH_OF_PLUGIN: plugin}), "nfs:///x:y").passed
    assert paths[0].parent.parent == temporary
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
    paths: list[Path] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        paths.append(Path(command[2]).parent)
        return Answer(0)

    assert image_trials.stage(SwitchingHost(tmp_path, programs={PATH_OF_PLUGIN: plugin}), "nfs:///x:y").passed
    assert given == [(paths[0], 4711, -1)]


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


def test_image_is_tried_by_its_name_whatever_characters_it_has(carry_out: Try) -> None:
    staged: list[str] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        staged.append(command[1])
        return PLUGIN

    name = "/srv/images/a b%41?c:d\n.qcow2"
    programs: Programs = {FIND: Answer(0, f"{name}\0"), PATH_OF_PLUGIN: plugin}
    (found,) = carry_out(programs, policy("/srv/images")).directories
    assert (found.image, found.outcome) == (name, PASSED)
    (wanted,) = [url.parse_stage(word) for word in staged if word.startswith("nfs:")]
    assert (wanted.path, wanted.name) == (name, "check.qcow2")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(0), ""),
        (Answer(1, "", "head: cannot open 'config.toml' for reading: No such file or directory\n"), ""),
        (Answer(1, "", "head: cannot open 'config.toml' for reading: Permission denied\n"), "chmod 644"),
    ],
)
def test_policy_must_be_readable_for_the_users_of_jobs(tmp_path: Path, answer: Answer, fault: str) -> None:
    found = trials.policy_is_readable(FakeHost(tmp_path, programs={HEAD: answer}))
    assert fault in found.reason
    assert found.failed is bool(fault)


@pytest.mark.parametrize(
    ("good", "image", "refused"),
    [
        ({"a", "b", "c"}, "/srv/a.img", ("", "")),
        ({"b"}, "/srv/b.img", ("/srv/a.img", "a is private")),
        ({"c"}, "/srv/c.img", ("/srv/a.img", "a is private")),
        (set(), "/srv/a.img", ("", "")),
    ],
    ids=["the first", "the second", "the last", "none"],
)
def test_one_bad_image_is_not_a_bad_directory(
    carry_out: Try, good: set[str], image: str, refused: tuple[str, str]
) -> None:
    """Beside good images may be a private disk, another hypervisor's, a copy that has begun, a disk in use."""

    def find(command: tuple[str, ...]) -> Answer:
        return Answer(0, "/srv/a.img\0" if command[-1] == "-quit" else "/srv/a.img\0/srv/b.img\0/srv/c.img\0")

    def plugin(command: tuple[str, ...]) -> Answer:
        name = command[1].removeprefix("nfs:///srv/")[:1]
        return Answer(0) if name in good else Answer(65, "", f"vm-nfs-plugin: {name} is private\n")

    (found,) = carry_out({FIND: find, PATH_OF_PLUGIN: plugin}, policy("/srv")).directories
    assert (found.image, found.refused, found.outcome.passed) == (image, refused, bool(good))


def test_huge_directory_is_not_tried_file_by_file(carry_out: Try) -> None:
    tried: list[str] = []

    def plugin(command: tuple[str, ...]) -> Answer:
        tried.append(command[1])
        return Answer(65, "", "vm-nfs-plugin: no\n")

    names = Answer(0, "".join(f"/srv/{number}.img\0" for number in range(1000)))
    find = {True: Answer(0, "/srv/0.img\0"), False: names}
    (found,) = carry_out(
        {FIND: lambda command: find[command[-1] == "-quit"], PATH_OF_PLUGIN: plugin}, policy("/srv")
    ).directories
    assert found.outcome == failed("no")
    assert len([url for url in tried if url.startswith("nfs:")]) == image_trials._MOST_TRIED


@pytest.mark.parametrize(("security", "kerberos"), [("sys", False), ("krb5", True), ("krb5i", True), ("krb5p", True)])
def test_export_that_needs_tickets_is_recognised(carry_out: Try, security: str, kerberos: bool) -> None:
    mounted = SHARE.rstrip("\n") + f",vers=4.2,sec={security},hard\n"
    (found,) = carry_out({FIND: Answer(0)}, policy("/srv/images"), mounted).directories
    assert found.kerberos is kerberos
