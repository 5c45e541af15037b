"""What is removed from EXECUTE: shelters of jobs that are gone, whole; whatever else is there stays."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.leftovers import private_dirs

SHELTER = "dir_379.condor-kvm-stage"


def make(execute: Path, name: str = SHELTER) -> Path:
    """A shelter with a disk and a console in it."""
    path = execute / name
    path.mkdir(mode=0o711, parents=True)
    (path / "disk.qcow2").write_bytes(b"disk")
    os.mkfifo(path / "console.out")
    os.mknod(path / ".files", stat.S_IFSOCK | 0o660)
    return path


def test_shelter_of_a_job_that_is_gone_is_removed(tmp_path: Path) -> None:
    path = make(tmp_path)
    other = make(tmp_path, "dir_1.condor-kvm-stage")
    assert private_dirs.sweep(str(tmp_path)) == [str(other), str(path)]
    assert list(tmp_path.iterdir()) == []
    assert private_dirs.sweep(str(tmp_path)) == []


def test_other_links_of_a_disk_stay(tmp_path: Path) -> None:
    path = make(tmp_path)
    os.link(path / "disk.qcow2", tmp_path / "kept.qcow2")
    private_dirs.sweep(str(tmp_path))
    assert (tmp_path / "kept.qcow2").read_bytes() == b"disk"


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_shelter_stays_as_long_as_there_is_anything_of_the_jobs_name(tmp_path: Path, kind: str) -> None:
    """The starter makes its directory before the builder the shelter, so this is also a job that is about to start."""
    path = make(tmp_path)
    job = tmp_path / "dir_379"
    makers: dict[str, Callable[[], object]] = {
        "directory": job.mkdir,
        "file": job.touch,
        "link": lambda: job.symlink_to("nowhere"),
    }
    makers[kind]()
    assert private_dirs.sweep(str(tmp_path)) == []
    assert (path / "disk.qcow2").exists()


@pytest.mark.parametrize(
    "name",
    [
        "dir_379",
        "dir_379.condor-kvm-stage.bak",
        "dir_.condor-kvm-stage",
        "dir_x.condor-kvm-stage",
        "dir_-1.condor-kvm-stage",
        "dir_\u0663.condor-kvm-stage",
        "379.condor-kvm-stage",
        ".condor-kvm-stage",
        "dir_condor-kvm-stage",
        "dir_379.recover",
        "scratch.condor-kvm-stage",
    ],
)
def test_what_has_another_name_stays(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert private_dirs.sweep(str(tmp_path)) == []
    assert (tmp_path / name / "disk.qcow2").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    real = make(tmp_path, "elsewhere")
    execute = tmp_path / "execute"
    execute.mkdir()
    (execute / SHELTER).symlink_to(real)
    make(execute, "dir_1.condor-kvm-stage").joinpath("link").symlink_to(real / "disk.qcow2")
    assert private_dirs.sweep(str(execute)) == []
    assert (real / "disk.qcow2").exists()
    assert (execute / "dir_1.condor-kvm-stage/disk.qcow2").exists(), "no shelter has links, so it is none"


@pytest.mark.parametrize("kind", ["file", "fifo"])
def test_what_is_no_directory_stays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / SHELTER
    os.mkfifo(path) if kind == "fifo" else path.touch()
    assert private_dirs.sweep(str(tmp_path)) == []
    assert path.exists()


def test_directory_with_something_else_in_it_stays_as_it_is(tmp_path: Path) -> None:
    path = make(tmp_path)
    (path / "more").mkdir()
    assert private_dirs.sweep(str(tmp_path)) == []
    assert sorted(entry.name for entry in path.iterdir()) == [".files", "console.out", "disk.qcow2", "more"]


def test_directory_of_another_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert private_dirs.sweep(str(tmp_path)) == []
    assert (path / "disk.qcow2").exists()


def test_shelter_that_cannot_be_removed_keeps_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(tmp_path, "dir_1.condor-kvm-stage"), make(tmp_path, "dir_2.condor-kvm-stage")
    rmdir = os.rmdir

    def refuse_the_first(name: str, *, dir_fd: int) -> None:
        if name == first.name:
            raise OSError(30, os.strerror(30))
        rmdir(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", refuse_the_first)
    assert private_dirs.sweep(str(tmp_path)) == [str(second)]


def test_new_shelter_of_the_same_name_is_not_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job with the same process id starts just then: what is removed is what was looked at."""
    make(tmp_path)
    listdir = os.listdir

    def replace(path: str | int) -> list[str]:
        found = listdir(path)
        if isinstance(path, int) and "disk.qcow2" in found:
            (tmp_path / SHELTER).rename(tmp_path / "old")
            make(tmp_path)
        return found

    monkeypatch.setattr(os, "listdir", replace)
    assert private_dirs.sweep(str(tmp_path)) == []
    assert sorted(entry.name for entry in (tmp_path / SHELTER).iterdir()) == [".files", "console.out", "disk.qcow2"]


def test_place_that_is_not_there_is_nothing_to_sweep(tmp_path: Path) -> None:
    assert private_dirs.sweep(str(tmp_path / "missing")) == []


def test_execute_can_be_a_link_itself(tmp_path: Path) -> None:
    make(tmp_path / "real")
    (tmp_path / "execute").symlink_to("real")
    assert private_dirs.sweep(f"{tmp_path}/execute") == [f"{tmp_path}/execute/{SHELTER}"]


def test_sweep_needs_nothing_that_is_slow_to_import() -> None:
    """The domain builder, which runs for each job, does it, too."""
    tree = ast.parse(Path(private_dirs.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "stat"}
