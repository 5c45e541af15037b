"""What the node advertises about the policy's image directories: as the generator found them, within a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from condor_kvm_stage import state
from condor_kvm_stage.genconfig import image_dirs
from condor_kvm_stage.genconfig.atomic import WriteError
from condor_kvm_stage.genconfig.host import Host
from condor_kvm_stage.plugin import paths, supervise
from condor_kvm_stage.schema import Staging


@pytest.fixture
def site(tmp_path: Path) -> Staging:
    """A policy that names a good directory, a private one, a file, and one that is not there."""
    for name in ("good", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / "private").chmod(0o700)
    (tmp_path / "file").touch()
    site = Staging()
    site.image_dirs = [str(tmp_path / name) for name in ("good", "private", "file", "none")]
    return site


def test_directories_are_told_apart(tmp_path: Path, site: Staging) -> None:
    assert image_dirs.attributes(site) == {
        "NfsPluginImageDirs": f"{tmp_path}/good",
        "NfsPluginImageDirsFailed": f"{tmp_path}/private,{tmp_path}/file,{tmp_path}/none",
    }


def test_site_that_names_none_advertises_nothing() -> None:
    assert image_dirs.attributes(Staging()) == {}


def test_shares_that_are_silent_do_not_cost_each_directory_its_timeout(
    site: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At boot HTCondor waits for this."""
    run, waited = supervise.run, list[float]()

    def recorded(action: Callable[..., int], patience: float, *more: Any) -> int:
        waited.append(patience)
        return run(action, patience, *more)

    monkeypatch.setattr(supervise, "run", recorded)
    monkeypatch.setattr(supervise, "IMPATIENT", 0.1)
    monkeypatch.setattr(paths, "resolve", lambda *_: time.sleep(60))
    site.timeout = 1
    assert image_dirs.attributes(site) == {
        "NfsPluginImageDirs": "",
        "NfsPluginImageDirsFailed": ",".join(site.image_dirs),
    }
    assert waited == [1, 0.1, 0.1, 0.1]


def test_plugin_finds_what_the_generator_writes_under_its_root(tmp_path: Path, site: Staging) -> None:
    image_dirs.write(image_dirs.attributes(site), Host(tmp_path))
    lines = (tmp_path / state.PATH.lstrip("/")).read_text().splitlines()
    assert lines[0] == f'NfsPluginImageDirs = "{tmp_path}/good"'
    assert len(lines) == 2


def test_nothing_found_is_written_too(tmp_path: Path) -> None:
    """Else the node would go on to advertise what an earlier policy named."""
    host = Host(tmp_path)
    image_dirs.write({"NfsPluginImageDirs": "/srv/images"}, host)
    image_dirs.write({}, host)
    assert host.text(state.PATH) == ""


def test_removal_leaves_nothing_and_finds_nothing_the_second_time(tmp_path: Path) -> None:
    host = Host(tmp_path)
    image_dirs.write({}, host)
    image_dirs.remove(host)
    assert [path.name for path in tmp_path.rglob("*")] == ["run"]
    image_dirs.remove(host)


def test_file_of_somebody_elses_is_not_removed_and_named(tmp_path: Path) -> None:
    host = Host(tmp_path)
    image_dirs.write({}, host)
    other = host.path(state.PATH).with_name("other")
    other.touch()
    with pytest.raises(WriteError, match=r"cannot remove /.*/run/condor-kvm-stage: Directory not empty$"):
        image_dirs.remove(host)
    assert other.exists()


def test_place_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    (tmp_path / "run").touch()
    with pytest.raises(WriteError, match=r"cannot make /.*: Not a directory; run this as root$"):
        image_dirs.write({}, Host(tmp_path))


def test_plugin_can_read_what_is_found_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        (tmp_path / "run").mkdir()
        image_dirs.write({}, Host(tmp_path))
    finally:
        os.umask(before)
    path = tmp_path / state.PATH.lstrip("/")
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o755, 0o644)
