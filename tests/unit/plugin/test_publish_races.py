"""Others can write into the directory while a file is made in it: they gain nothing, and lose nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.failures import ContactError, ParameterError, StageError
from condor_kvm_stage.images import qcow2_overlay
from condor_kvm_stage.plugin.publish import publish
from support.staged_disks import names, put

Meanwhile = Callable[[str], None]
# A shell's `rm` and `ln`, on the temporary file that is being written
SWAP = "cd {directory}; t=$(echo .vm-nfs-plugin.*); rm $t; ln -s {victim} $t"


@pytest.fixture(params=["overlay", "copy"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def meanwhile(mode: str, fake_program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let a shell's commands be run while the disk is written, whose content is then "content"."""

    def do(commands: str) -> None:
        def write(descriptor: int, *_: object) -> None:
            subprocess.run(["sh", "-c", commands], check=True)
            os.write(descriptor, b"content\n")

        monkeypatch.setattr(qcow2_overlay, "write", write)
        fake_program("qemu-img", f'({commands}); for last; do :; done; echo content > "$last"')

    return do


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


def test_file_that_appears_while_the_disk_is_written_is_not_overwritten(
    scratch: Path, base: Path, meanwhile: Meanwhile, mode: str
) -> None:
    meanwhile(f"echo first > {scratch}/disk")
    with pytest.raises(ParameterError, match="/disk already exists and is not overwritten"):
        put(f"nfs://{base}?mode={mode}:disk", scratch)
    assert (scratch / "disk").read_text() == "first\n"
    assert names(scratch) == ["disk"]


@pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "directory"])
def test_whatever_has_the_name_by_then_stays(
    scratch: Path, base: Path, victim: Path, meanwhile: Meanwhile, mode: str, kind: str
) -> None:
    make = {"symlink": f"ln -s {victim}", "dangling symlink": "ln -s none", "directory": "mkdir"}[kind]
    meanwhile(f"{make} {scratch}/disk")
    with pytest.raises(ParameterError, match="already exists"):
        put(f"nfs://{base}?mode={mode}:disk", scratch)
    assert names(scratch) == ["disk"]
    assert (scratch / "disk").is_symlink() or (scratch / "disk").is_dir()
    assert victim.read_text() == "precious"


def test_temporary_file_swapped_for_a_symlink_before_it_is_written_harms_nobody(
    scratch: Path, base: Path, victim: Path, meanwhile: Meanwhile, mode: str
) -> None:
    meanwhile(SWAP.format(directory=scratch, victim=victim))
    with pytest.raises(StageError, match=r"cannot write .*/disk"):
        put(f"nfs://{base}?mode={mode}:disk", scratch)
    assert victim.read_text() == "precious"
    assert names(scratch) == []


def test_temporary_file_swapped_for_another_file_does_not_become_the_disk(
    scratch: Path, base: Path, meanwhile: Meanwhile, mode: str
) -> None:
    meanwhile(f"cd {scratch}; t=$(echo .vm-nfs-plugin.*); mv $t kept; echo evil > $t")
    put(f"nfs://{base}?mode={mode}:disk", scratch)
    assert (scratch / "disk").read_text() == "content\n"
    assert (scratch / "disk").samefile(scratch / "kept")


def _swap(directory: Path, victim: Path) -> Callable[[int], None]:
    """What make() does when somebody else is at work in the directory."""

    def make(file: int) -> None:
        (name,) = directory.glob(".vm-nfs-plugin.*")
        name.unlink()
        name.symlink_to(victim)
        os.write(file, b"content")

    return make


@pytest.mark.parametrize("existing", [True, False])
def test_swap_before_a_file_is_overwritten_is_no_success_and_harms_no_other_file(
    scratch: Path, victim: Path, existing: bool
) -> None:
    if existing:
        (scratch / "result").write_text("old")
    with pytest.raises(ContactError, match="another program has replaced the file"):
        publish(str(scratch), "result", "the directory", _swap(scratch, victim), overwrite=True, shared=True)
    assert victim.read_text() == "precious"
    assert not any(name.startswith(".vm-nfs-plugin") for name in names(scratch))


def test_shared_directory_that_was_replaced_by_a_symlink_is_not_written_to(tmp_path: Path, scratch: Path) -> None:
    """Staging was asked about the path without symlinks; by now it may lead elsewhere."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/sub").mkdir()
    (tmp_path / "link").symlink_to("other")
    for directory in ("link", "link/sub"):
        with pytest.raises(ContactError, match="the directory was moved in the meantime"):
            publish(
                str(tmp_path / directory), "result", "the directory", lambda file: pytest.fail("asked for"), shared=True
            )
    assert names(tmp_path / "other") == ["sub"]
    assert names(tmp_path / "other/sub") == []


def test_directory_that_is_moved_while_the_file_is_made_gets_it_all_the_same(tmp_path: Path, scratch: Path) -> None:
    def make(file: int) -> None:
        scratch.rename(tmp_path / "moved")
        scratch.symlink_to(tmp_path)
        os.write(file, b"content")

    publish(str(scratch), "result", "the directory", make, shared=True)
    assert names(tmp_path / "moved") == ["result"]
    assert not (tmp_path / "result").exists()


def test_names_of_any_length_have_a_temporary_name_that_fits(scratch: Path) -> None:
    for name in ("x" * 255, "ü" * 127):
        publish(str(scratch), name, "the directory", lambda file: None)
    assert len(os.listdir(scratch)) == 2
