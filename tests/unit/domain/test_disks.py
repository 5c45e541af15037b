"""A job's disks are its own files, sound with all that they refer to, as the job's user sees them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from condor_kvm_stage.domain import disks, own_files
from condor_kvm_stage.domain.disks import DiskFile
from condor_kvm_stage.domain.request import Disk
from condor_kvm_stage.failures import AuthorizationError, BugError, ContactError, SpecificationError, StageError
from condor_kvm_stage.images import image
from condor_kvm_stage.job import Job
from condor_kvm_stage.policy.model import Policy
from hostile import qcow2, tables
from hostile.case import Case
from support.domain.disk_files import HOSTILE, put, see
from support.domain.job_ads import site
from support.users import as_the_first_user

DISK = Disk("disk", "vda", "virtio", readonly=False, format="", cdrom=False)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user's files")


def look(where: Job, disk: Disk = DISK, policy: Policy | None = None, path: str = "") -> DiskFile:
    """Inspect one disk, in the scratch directory unless a path says where."""
    (found,) = disks.inspect([(disk, path or f"{where.scratch}/{disk.name}")], where, policy or site(), "some-program")
    return found


@pytest.mark.parametrize(("content", "kind"), [(bytes(512), "raw"), (qcow2(), "qcow2")], ids=["raw", "qcow2"])
def test_format_is_that_of_the_content(where: Job, scratch: Path, content: bytes, kind: str) -> None:
    path = put(scratch / "disk", content)
    assert look(where) == DiskFile(DISK, str(path), kind, relabel=True, backing=())
    assert look(where, replace(DISK, format=kind)).format == kind


@pytest.mark.parametrize(("content", "said"), [(bytes(512), "qcow2"), (qcow2(), "raw")], ids=["raw", "qcow2"])
def test_format_that_is_not_the_one_that_vm_disk_says_is_refused(
    where: Job, scratch: Path, content: bytes, said: str
) -> None:
    """By a header that the guest has written into a raw disk QEMU would go to any file of the node."""
    put(scratch / "disk", content)
    kind = "qcow2" if said == "raw" else "raw"
    with pytest.raises(
        SpecificationError, match=f"disk disk is {kind}, but vm_disk says {said}; write disk:vda:…:{kind}"
    ) as caught:
        look(where, replace(DISK, format=said))
    assert caught.value.check == "format_mismatch"


@pytest.mark.parametrize("case", [*tables.WRITTEN_CASES, tables.FEATURE_THAT_IS_CLEARED], ids=str)
def test_image_that_qemu_cannot_write_to_is_for_reading_only(where: Job, scratch: Path, case: Case) -> None:
    put(scratch / "disk", case.build(scratch).read_bytes())
    with pytest.raises(SpecificationError) as caught:
        look(where)
    assert caught.value.check == case.check
    assert look(where, replace(DISK, readonly=True)).format == "qcow2"


@pytest.mark.parametrize(
    ("content", "most"),
    [
        (tables.with_bitmaps(tables.many_bitmaps(64, b"x" * 495)), 16),
        (tables.with_snapshots(tables.many_snapshots(64, b"x" * 500)), 16),
        (tables.large_bitmap(30), 2),
    ],
    ids=["names of bitmaps", "names of snapshots", "memory"],
)
def test_disks_of_a_job_may_not_cost_too_much_together(where: Job, scratch: Path, content: bytes, most: int) -> None:
    wanted = [replace(DISK, name=f"disk-{number}") for number in range(most + 1)]
    placed = [(disk, str(put(scratch / disk.name, content))) for disk in wanted]
    assert len(disks.inspect(placed[:most], where, site(), "some-program")) == most
    with pytest.raises(SpecificationError, match=rf"^disk disk-{most} and those before it .*; remove ") as caught:
        disks.inspect(placed, where, site(), "some-program")
    assert caught.value.check == "cost"


def test_cd_rom_that_is_not_raw_is_refused(where: Job, scratch: Path) -> None:
    put(scratch / "disk", qcow2())
    with pytest.raises(SpecificationError, match=r"disk disk is qcow2; a CD-ROM, .* must be raw"):
        look(where, replace(DISK, cdrom=True))


def test_chain_is_found_with_each_files_format_to_its_end(where: Job, scratch: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    put(images / "origin", bytes(512), 0)
    put(images / "middle", qcow2(backing=b"origin", backing_format=b"raw"), 0)
    (images / "link").symlink_to("middle")
    put(scratch / "disk", qcow2(backing=bytes(images / "link")))
    assert look(where).backing == ((f"{images}/middle", "qcow2"), (f"{images}/origin", "raw"))


def test_relative_name_counts_from_the_scratch_directory_wherever_the_disk_lies_now(
    where: Job, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "shelter").mkdir()
    base = put(tmp_path / "base", bytes(512), 0)
    path = put(tmp_path / "shelter/disk", qcow2(backing=b"../../base", backing_format=b"raw"))
    assert look(where, path=str(path)).backing == ((str(base), "raw"),)


def test_several_disks_are_found_in_their_order(where: Job, scratch: Path) -> None:
    wanted = [replace(DISK, name=name) for name in ("c", "a", "b")]
    for number, disk in enumerate(wanted):
        put(scratch / disk.name, [bytes(512), qcow2()][number % 2])
    found = disks.inspect([(disk, f"{scratch}/{disk.name}") for disk in wanted], where, site(), "some-program")
    assert [(file.disk.name, file.format) for file in found] == [("c", "raw"), ("a", "qcow2"), ("b", "raw")]


def test_backing_file_must_be_one_that_policy_allows(where: Job, scratch: Path, tmp_path: Path) -> None:
    base = put(tmp_path / "base", bytes(512), 0)
    put(scratch / "disk", qcow2(backing=bytes(base), backing_format=b"raw"))
    policy = site()
    policy.staging.image_dirs = ["/srv/images"]
    with pytest.raises(AuthorizationError, match=r"backing file /.*/base of /.*/disk is outside the dir") as caught:
        look(where, policy=policy)
    assert caught.value.check == "image_dirs"
    policy.staging.image_dirs = [str(tmp_path)]
    assert look(where, policy=policy).backing == ((str(base), "raw"),)


@needs_root
def test_backing_file_that_only_root_may_read_is_refused(where: Job, scratch: Path) -> None:
    before = see(Path("/etc/shadow"))
    put(scratch / "disk", qcow2(backing=b"/etc/shadow", backing_format=b"raw"))
    with pytest.raises(
        AuthorizationError, match=r"backing file /etc/shadow of /.*/disk is not readable for the job's user"
    ):
        look(where)
    assert see(Path("/etc/shadow")) == before


def test_header_that_names_a_data_file_is_refused(where: Job, scratch: Path) -> None:
    put(scratch / "disk", qcow2(incompatible_features=4))
    with pytest.raises(SpecificationError) as caught:
        look(where)
    assert caught.value.check == "data_file"
    assert "disk disk " in str(caught.value)


def test_private_disk_of_the_jobs_is_good(where: Job, scratch: Path) -> None:
    put(scratch / "disk").chmod(0o600)
    assert look(where).format == "raw"


@pytest.mark.parametrize("kind", HOSTILE)
@needs_root
def test_hook_refuses_what_is_no_file_of_the_jobs_in_the_same_words(
    where: Job, scratch: Path, tmp_path: Path, kind: str
) -> None:
    HOSTILE[kind](scratch / "disk", put(tmp_path / "victim", b"precious", 0))
    with pytest.raises(StageError, match=r"disk disk .*; ") as caught:
        own_files.in_scratch(where, "disk")
    assert str(caught.value).isprintable()


def test_hook_finds_a_file_of_the_jobs(where: Job, scratch: Path) -> None:
    put(scratch / "disk")
    assert own_files.in_scratch(where, "disk") == f"{scratch}/disk"


@needs_root
def test_images_are_looked_at_with_the_rights_of_the_jobs_user_alone(
    where: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inspect(*_: object) -> None:
        raise SpecificationError(f"{os.getresuid()} {os.getresgid()} {os.getgroups()}")

    monkeypatch.setattr(image, "inspect", inspect)
    with pytest.raises(SpecificationError) as caught:
        look(replace(where, uid=1234, gid=1235))
    assert str(caught.value) == "(1234, 1234, 1234) (1235, 1235, 1235) [1235]"
    assert os.getresuid() == (0, 0, 0)


def test_share_that_does_not_answer_is_given_up(where: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "inspect", lambda *_: time.sleep(60))
    policy = site()
    policy.staging.timeout = 1
    with pytest.raises(ContactError, match="cannot inspect disk disk: the share does not answer"):
        look(where, policy=policy)


def test_bug_is_told_as_one(where: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(image, "inspect", lambda *_: 1 // 0)
    with pytest.raises(BugError, match="please report it: ZeroDivisionError"):
        look(where)
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A directory of the policy's, which is not the job's; nor is, if root runs the tests, any above it."""
    with tempfile.TemporaryDirectory(dir="/run" if os.geteuid() == 0 else tmp_path) as directory:
        path = Path(directory, "shared")
        path.mkdir()
        for each in (path, path.parent):
            each.chmod(0o755)
        yield path


def look_in(shared: Path, where: Job, path: Path, readonly: bool) -> DiskFile:
    disk = replace(DISK, name=str(path), readonly=readonly)
    return look(where, disk, site([str(shared)]), str(path))


def test_disk_of_the_policys_that_all_may_read_is_read(where: Job, shared: Path) -> None:
    path = put(shared / "disk", bytes(512), 0)
    found = look_in(shared, where, path, readonly=True)
    assert (found.path, found.relabel) == (str(path), False)


@needs_root
def test_disk_of_the_policys_that_is_the_users_is_written_to(where: Job, shared: Path) -> None:
    path = put(shared / "disk", bytes(512))
    found = look_in(shared, where, path, readonly=False)
    assert (found.path, found.relabel) == (str(path), True)


def _to_a_file_of_roots(path: Path) -> None:
    put(path, owner=0)


def _private(path: Path) -> None:
    put(path, owner=0).chmod(0o640)


def _hard_link(path: Path) -> None:
    os.link(put(path.with_name("other")), path)


def _symlink(path: Path) -> None:
    path.symlink_to(put(path.with_name("other")))


def _below_a_symlink(path: Path) -> None:
    put(path)
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to("moved")


@needs_root
@pytest.mark.parametrize(
    ("make", "readonly", "message"),
    [
        (_to_a_file_of_roots, False, "belongs to another user"),
        (_hard_link, False, "has 2 names"),
        (_private, True, r"is not readable for the job's user \(uid \d+\); its owner must allow that"),
        (_symlink, True, "is a symlink, or below one"),
        (_symlink, False, "is a symlink, or below one"),
        (_below_a_symlink, True, "is a symlink, or below one"),
        (lambda path: None, True, "No such file or directory"),
        (lambda path: path.mkdir(), True, "is not a regular file"),
        (lambda path: path.mkdir(), False, "is not a regular file"),
        (lambda path: os.mkfifo(path, 0o644), True, "is not a regular file"),
    ],
)
def test_disk_of_the_policys_that_is_not_for_this_user_is_refused(
    where: Job, shared: Path, make: Callable[[Path], None], readonly: bool, message: str
) -> None:
    (shared / "deep").mkdir()
    make(shared / "deep/disk")
    with pytest.raises(StageError, match=message):
        look_in(shared, where, shared / "deep/disk", readonly)


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_disk_that_another_file_can_take_the_place_of_is_not_written_to(where: Job, shared: Path, mode: int) -> None:
    """libvirt would label that other file, as root."""
    (shared / "alice/deep").mkdir(parents=True)
    path = put(shared / "alice/deep/disk")
    assert look_in(shared, where, path, readonly=False).relabel
    os.chown(shared / "alice", where.uid if mode == 0o775 else 0, where.gid)
    (shared / "alice").chmod(mode)
    with pytest.raises(AuthorizationError, match=r"is below /.*/alice, which (others than its owner can|belongs to)"):
        look_in(shared, where, path, readonly=False)


def test_disk_outside_of_the_policys_directories_is_refused_once_more(where: Job, shared: Path, tmp_path: Path) -> None:
    """As if request.py had let it pass."""
    path = put(tmp_path / "elsewhere", bytes(512), 0)
    with pytest.raises(AuthorizationError, match="or below one; name the file itself, in a directory of "):
        look_in(shared, where, path, readonly=True)


@needs_root
def test_looking_changes_nothing(where: Job, scratch: Path, tmp_path: Path, job_user: int) -> None:
    with as_the_first_user():
        base = put(tmp_path / "base", bytes(512), 0)
        path = put(scratch / "disk", qcow2(backing=bytes(base), backing_format=b"raw"))
        before = see(base), see(path)
        look(where)
        assert (see(base), see(path)) == before


def test_what_is_no_disk_is_one_if_vm_disk_says_raw(where: Job, scratch: Path) -> None:
    put(scratch / "disk", b"some data\n" * 1000)
    with pytest.raises(SpecificationError, match="disk disk is not an image but a text file; ") as caught:
        look(where)
    assert caught.value.check == "format"
    assert look(where, replace(DISK, format="raw")).format == "raw"


def test_overlay_of_what_was_staged_as_raw_is_accepted(where: Job, scratch: Path, tmp_path: Path) -> None:
    base = put(tmp_path / "base", b"some data\n" * 1000, 0)
    put(scratch / "disk", qcow2(backing=bytes(base), backing_format=b"raw"))
    assert look(where).backing == ((str(base), "raw"),)
