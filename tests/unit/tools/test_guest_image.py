"""The builder of the guest image: what it refuses before it does anything, and the test node's name for a recipe."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from testnode import debian_guest

pytestmark = pytest.mark.needs_repository

BUILD = debian_guest.RECIPE / "build"


def build(*arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(BUILD), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={"PATH": path}, timeout=30, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no file is named"),
        (["--suite"], "--suite needs a value"),
        (["--sweet", "trixie", "a.qcow2"], "unknown option --sweet"),
        (["a.img"], "'a.img' does not end in .qcow2"),
        (["--size", "2G", "qcow2"], "'qcow2' does not end in .qcow2"),
    ],
)
def test_wrong_command_line_is_refused_in_words(arguments: list[str], message: str) -> None:
    done = build(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"guest-image/build: {message}")
    assert "usage: build [--suite NAME]" in done.stderr


def test_missing_programs_are_named_before_anything_is_done(tmp_path: Path) -> None:
    for name in ("dirname", "sfdisk"):
        program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        assert program
        (tmp_path / name).symlink_to(program)
    done = build(str(tmp_path / "a.qcow2"), path=str(tmp_path))
    assert done.returncode == 1
    missing = "unshare mmdebstrap systemctl mke2fs mformat mcopy syslinux qemu-img"
    assert done.stderr == f"guest-image/build: not installed: {missing}; guest-image.md names the packages\n"


def test_name_of_the_recipe_changes_with_each_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "recipe"
    shutil.copytree(debian_guest.RECIPE, recipe)
    monkeypatch.setattr(debian_guest, "RECIPE", recipe)
    names = {debian_guest.digest()}
    files = [path for path in recipe.rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(path.read_bytes() + b"\n")
        names.add(debian_guest.digest())
    assert len(names) == 1 + len(files)
