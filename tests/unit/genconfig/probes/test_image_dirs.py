"""What the node advertises about the policy's image directories, and the timeout."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.probes import image_dirs
from condor_kvm_stage.policy.model import StagingPolicy
from condor_kvm_stage.share import paths, watchdog


@pytest.fixture
def site(tmp_path: Path) -> StagingPolicy:
    """A policy with a good directory, a private one, a file, and one that does not exist."""
    for name in ("good", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / "private").chmod(0o700)
    (tmp_path / "file").touch()
    site = StagingPolicy()
    site.image_dirs = [str(tmp_path / name) for name in ("good", "private", "file", "none")]
    return site


def test_directories_are_told_apart(tmp_path: Path, site: StagingPolicy) -> None:
    assert image_dirs.attributes(site) == {
        "NfsPluginImageDirs": f"{tmp_path}/good,{tmp_path}/private",
        "NfsPluginImageDirsFailed": f"{tmp_path}/file,{tmp_path}/none",
    }


def test_directory_must_be_open_to_all_where_guests_run_as_one_user(tmp_path: Path, site: StagingPolicy) -> None:
    site.guests_have_own_user = False
    assert image_dirs.attributes(site) == {
        "NfsPluginImageDirs": f"{tmp_path}/good",
        "NfsPluginImageDirsFailed": f"{tmp_path}/private,{tmp_path}/file,{tmp_path}/none",
    }


def test_site_that_names_none_advertises_nothing() -> None:
    assert image_dirs.attributes(StagingPolicy()) == {}


def test_shares_that_are_silent_do_not_cost_each_directory_its_timeout(
    site: StagingPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At boot HTCondor waits for this. One watchdog, which knows that a share was silent, is for all."""
    monkeypatch.setattr(watchdog, "TIMEOUT_AFTER_SILENCE", 0)
    monkeypatch.setattr(paths, "resolve", lambda *_: time.sleep(3600))
    site.timeout = 1
    site.image_dirs = [f"/srv/{number}" for number in range(150)]
    assert image_dirs.attributes(site) == {
        "NfsPluginImageDirs": "",
        "NfsPluginImageDirsFailed": ",".join(site.image_dirs),
    }
