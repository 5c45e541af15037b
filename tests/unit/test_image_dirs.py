"""What the node advertises about the policy's image directories: as the generator found them, within a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import policy, state
from condor_kvm_stage.genconfig import image_dirs
from condor_kvm_stage.policy import Policy


@pytest.fixture
def site(tmp_path: Path) -> Policy:
    """A policy that names a good directory, a private one, a file, and one that is not there."""
    for name in ("good", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / "private").chmod(0o700)
    (tmp_path / "file").touch()
    site = Policy()
    site.image_dirs = [str(tmp_path / name) for name in ("good", "private", "file", "none")]
    return site


def test_directories_are_told_apart(tmp_path: Path, site: Policy) -> None:
    assert image_dirs.attributes(site) == {
        "NfsPluginImageDirs": f"{tmp_path}/good",
        "NfsPluginImageDirsFailed": f"{tmp_path}/private,{tmp_path}/file,{tmp_path}/none",
    }


def test_site_that_names_none_advertises_nothing() -> None:
    assert image_dirs.attributes(Policy()) == {}


def test_plugin_finds_what_the_generator_writes(tmp_path: Path, site: Policy) -> None:
    image_dirs.write(image_dirs.attributes(site), tmp_path)
    lines = (tmp_path / state.PATH.lstrip("/")).read_text().splitlines()
    assert lines[0] == f'NfsPluginImageDirs = "{tmp_path}/good"'


def test_generator_reads_the_policy_under_its_root(tmp_path: Path, site_policy: Callable[[str], None]) -> None:
    site_policy("[staging]\ntimeout = 7\n")
    path = Path(policy.PATH)
    (tmp_path / "root" / path.parent.relative_to("/")).mkdir(parents=True)
    (tmp_path / "root" / path.relative_to("/")).write_text("[staging]\ntimeout = 8\n")
    assert (policy.load().timeout, policy.load(str(tmp_path / "root")).timeout) == (7, 8)
