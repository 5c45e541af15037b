"""Others can write into the directory while a file is made in it: they gain nothing, and lose nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.disks import names, put

from condor_kvm_stage.plugin.failure import ContactError, ParameterError, StageError
from condor_kvm_stage.plugin.publish import publish

FakeProgram = Callable[[str, str], None]
# A shell's `rm` and `ln`, on the temporary file beside which qemu-img works
SWAP = "cd {directory}; t=$(echo .vm-nfs-plugin.*); rm $t; ln -s {victim} $t; "
WRITE = 'for last; do :; done; echo content > "$last"'


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.mark.parametrize("mode", ["overlay", "copy"])
def test_file_that_appears_while_qemu_img_runs_is_not_overwritten(
    scratch: Path, base: Path, fake_program: FakeProgram, mode: str
) -> None:
    fake_program("qemu-img", f"echo first > {scratch}/disk; {WRITE}")
    with pytest.raises(ParameterError, match="/disk exists already and is not overwritten"):
        put(f"nfs://{base}?mode={mode}:disk", scratch)
    assert (scratch / "disk").read_text() == "first\n"
    assert names(scratch) == ["disk"]


@pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "directory"])
def test_whatever_has_the_name_by_then_stays(
    scratch: Path, base: Path, victim: Path, fake_program: FakeProgram, kind: str
) -> None:
    make = {"symlink": f"ln -s {victim}", "dangling symlink": "ln -s none", "directory": "mkdir"}[kind]
    fake_program("qemu-img", f"{make} {scratch}/disk; {WRITE}")
    with pytest.raises(ParameterError, match="exists already"):
        put(f"nfs://{base}:disk", scratch)
    assert names(scratch) == ["disk"]
    assert (scratch / "disk").is_symlink() or (scratch / "disk").is_dir()
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("mode", ["overlay", "copy"])
def test_temporary_file_swapped_for_a_symlink_before_it_is_written_harms_nobody(
    scratch: Path, base: Path, victim: Path, fake_program: FakeProgram, mode: str
) -> None:
    fake_program("qemu-img", SWAP.format(directory=scratch, victim=victim) + WRITE)
    with pytest.raises(StageError, match=r"cannot write .*/disk"):
        put(f"nfs://{base}?mode={mode}:disk", scratch)
    assert victim.read_text() == "precious"
    assert names(scratch) == []


def test_temporary_file_swapped_for_another_file_does_not_become_the_disk(
    scratch: Path, base: Path, fake_program: FakeProgram
) -> None:
    fake_program("qemu-img", f"{WRITE}; cd {scratch}; t=$(echo .vm-nfs-plugin.*); mv $t kept; echo evil > $t")
    put(f"nfs://{base}:disk", scratch)
    assert (scratch / "disk").read_text() == "content\n"
    assert (scratch / "disk").samefile(scratch / "kept")


def _swap(directory: Path, victim: Path) -> Callable[[str], None]:
    """What make() does when somebody else is at work in the directory."""

    def make(temporary: str) -> None:
        (name,) = directory.glob(".vm-nfs-plugin.*")
        name.unlink()
        name.symlink_to(victim)
        with open(temporary, "wb") as file:
            file.write(b"content")

    return make


@pytest.mark.parametrize("existing", [True, False])
def test_swap_before_a_file_is_overwritten_is_no_success_and_harms_no_other_file(
    scratch: Path, victim: Path, existing: bool
) -> None:
    if existing:
        (scratch / "result").write_text("old")
    with pytest.raises(ContactError, match="another program has replaced the file meanwhile"):
        publish(str(scratch), "result", "the directory", _swap(scratch, victim), overwrite=True, shared=True)
    assert victim.read_text() == "precious"
    assert not any(name.startswith(".vm-nfs-plugin") for name in names(scratch))


def test_shared_directory_that_was_replaced_by_a_symlink_is_not_written_to(tmp_path: Path, scratch: Path) -> None:
    """Staging was asked about the path without symlinks; by now it may lead elsewhere."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/sub").mkdir()
    (tmp_path / "link").symlink_to("other")
    for directory in ("link", "link/sub"):
        with pytest.raises(ContactError, match="the directory was moved meanwhile"):
            publish(str(tmp_path / directory), "result", "the directory", pytest.fail, shared=True)
    assert names(tmp_path / "other") == ["sub"]
    assert names(tmp_path / "other/sub") == []


def test_directory_that_is_moved_while_the_file_is_made_gets_it_all_the_same(tmp_path: Path, scratch: Path) -> None:
    def make(temporary: str) -> None:
        scratch.rename(tmp_path / "moved")
        scratch.symlink_to(tmp_path)
        Path(temporary).write_text("content")

    publish(str(scratch), "result", "the directory", make, shared=True)
    assert names(tmp_path / "moved") == ["result"]
    assert not (tmp_path / "result").exists()


def test_names_of_any_length_have_a_temporary_name_that_fits(scratch: Path) -> None:
    for name in ("x" * 255, "ü" * 127):
        publish(str(scratch), name, "the directory", lambda temporary: None)
    assert len(os.listdir(scratch)) == 2
