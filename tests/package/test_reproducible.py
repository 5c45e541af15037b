"""Two builds of the same sources are the same bytes, whoever builds them, where and when."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from testnode import builds

REPOSITORY = Path(__file__).parents[2]


def test_package_that_another_builds_is_the_same_to_the_byte(tmp_path: Path) -> None:
    builder = {**os.environ, "TZ": "Asia/Tokyo", "LANG": "tr_TR.UTF-8", "HOME": str(tmp_path), "USER": "somebody"}
    options = ["--nodeps", "--nocheck", "--define", f"_topdir {tmp_path}/another/place"]
    subprocess.run(
        ["rpmbuild", "--rebuild", *options, str(builds.source_package())],
        check=True,
        capture_output=True,
        timeout=60,
        env=builder,
        umask=0o077,
    )
    packages = {package.name: package.read_bytes() for package in tmp_path.glob("another/place/RPMS/noarch/*.rpm")}
    assert packages == {package.name: package.read_bytes() for package in (builds.built(), builds.submit_package())}


def test_archive_of_another_clone_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """Of other times, modes and order: git keeps none of these."""
    names = ["condor-kvm-stage.spec", "packaging", "scripts"]
    for name in reversed(names):
        source, copy = REPOSITORY / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy)
        else:
            shutil.copy(source, copy)
    (tmp_path / "packaging/config.toml").chmod(0o600)
    command = [str(REPOSITORY / "tools/source-archive"), "x", *names]
    archives = [
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=place).stdout
        for place in (REPOSITORY, tmp_path)
    ]
    assert archives[0] == archives[1]
