"""The files in /run: the plug-in and the domain builder find them, and they hold what those would find themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import guest_facts, installed
from condor_kvm_stage.atomic_file import WriteError
from condor_kvm_stage.genconfig import runtime_files
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.host import Host
from condor_kvm_stage.policy import load, model, staging_cache
from condor_kvm_stage.policy.model import Policy, StagingPolicy

SitePolicy = Callable[[str], None]
SAYS_MUCH = """
[staging]
image_dirs = ["/srv/images", "/srv/ü"]
output_dirs = ["/srv/out"]
canary_image = "/srv/images/canary.qcow2"
chain_depth = 3
virtual_size = "1T"
bitmaps = 5
snapshots = 4
timeout = 7
[guest]
guarded = false
"""


@pytest.fixture
def leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Cache the policy as it is now for the plug-in."""
    host = Host(tmp_path / "node")
    monkeypatch.setattr(installed, "STAGING_CACHE", str(host.path(installed.STAGING_CACHE)))
    monkeypatch.setattr(installed, "GUEST_FACTS", str(host.path(installed.GUEST_FACTS)))

    def write() -> None:
        runtime_files.write({}, load.load(), None, Host(Path("/")))

    monkeypatch.setattr(installed, "SLOT_ATTRIBUTES", str(host.path(installed.SLOT_ATTRIBUTES)))
    return write


@pytest.fixture
def no_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Policy:
        pytest.fail("the policy was read again")

    monkeypatch.setattr("condor_kvm_stage.policy.toml_reader.parse", fail)


def values(staging: StagingPolicy) -> dict[str, object]:
    return {name: getattr(staging, name) for name in StagingPolicy.__slots__}


def test_plugin_reads_no_toml_that_the_generator_has_read(
    site_policy: SitePolicy, leave: Callable[[], None], request: pytest.FixtureRequest
) -> None:
    site_policy(SAYS_MUCH)
    expected = values(load.load().staging)
    assert all(expected[name] != default for name, default in values(StagingPolicy()).items()), "every key is another"
    leave()
    request.getfixturevalue("no_toml")
    assert values(load.load_staging()) == expected


def test_policy_that_was_changed_since_holds_at_once(site_policy: SitePolicy, leave: Callable[[], None]) -> None:
    site_policy(SAYS_MUCH)
    leave()
    site_policy(SAYS_MUCH.replace("timeout = 7", "timeout = 8"))
    assert load.load_staging().timeout == 8
    site_policy("")
    assert values(load.load_staging()) == values(StagingPolicy())


def test_policy_that_was_broken_since_is_an_error(site_policy: SitePolicy, leave: Callable[[], None]) -> None:
    site_policy(SAYS_MUCH)
    leave()
    site_policy(SAYS_MUCH + "nonsense")
    with pytest.raises(model.PolicyError):
        load.load_staging()


@pytest.mark.usefixtures("leave")
@pytest.mark.parametrize("left", [b"", b"\0", b"(\2\0\0\0NN", b"N", b"garbage", b"z\x03abc"])
def test_what_cannot_be_understood_is_not_used(site_policy: SitePolicy, tmp_path: Path, left: bytes) -> None:
    """For example another Python's marshal."""
    site_policy(SAYS_MUCH)
    path = Path(installed.STAGING_CACHE)
    path.parent.mkdir(parents=True)
    path.write_bytes(left)
    assert load.load_staging().timeout == 7


def test_what_another_version_left_is_not_used(
    site_policy: SitePolicy, leave: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys may differ."""
    site_policy(SAYS_MUCH)
    monkeypatch.setattr(staging_cache, "__version__", "0.0.1")
    leave()
    monkeypatch.setattr(staging_cache, "__version__", "0.0.2")
    monkeypatch.setattr(model.StagingPolicy, "__slots__", ("other",))
    assert staging_cache.load(load.read(installed.POLICY)) is None


def test_plugin_finds_what_the_generator_writes_under_its_root(tmp_path: Path) -> None:
    runtime_files.write(
        {"NfsPluginImageDirs": f"{tmp_path}/good", "NfsPluginImageDirsFailed": "/x"},
        Policy(),
        GuestFacts(),
        Host(tmp_path),
    )
    lines = (tmp_path / installed.SLOT_ATTRIBUTES.lstrip("/")).read_text().splitlines()
    assert lines[0] == f'NfsPluginImageDirs = "{tmp_path}/good"'
    assert len(lines) == 2


def test_nothing_found_is_written_too(tmp_path: Path) -> None:
    """Otherwise the node would still advertise the directories of an earlier policy."""
    host = Host(tmp_path)
    runtime_files.write({"NfsPluginImageDirs": "/srv/images"}, Policy(), GuestFacts(), host)
    runtime_files.write({}, Policy(), GuestFacts(), host)
    assert host.text(installed.SLOT_ATTRIBUTES) == ""


def test_facts_about_guests_are_loaded_as_they_were_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, facts = Host(tmp_path), GuestFacts("host-passthrough", False, ["selinux", "dac"], ["nat"], "", ["x"])
    runtime_files.write({}, Policy(), facts, host)
    with monkeypatch.context() as of_the_builder:
        of_the_builder.setattr(installed, "GUEST_FACTS", str(host.path(installed.GUEST_FACTS)))
        assert guest_facts.load() == facts
    runtime_files.write({}, Policy(), None, host)
    assert not host.exists("/run/condor-kvm-stage/guest"), "what is no longer asked is not left"


def test_removal_leaves_nothing_and_finds_nothing_the_second_time(tmp_path: Path) -> None:
    host = Host(tmp_path)
    runtime_files.write({}, Policy(), GuestFacts(), host)
    runtime_files.remove(host)
    assert [path.name for path in tmp_path.rglob("*")] == ["run"]
    runtime_files.remove(host)


def test_file_of_somebody_elses_is_not_removed_and_named(tmp_path: Path) -> None:
    host = Host(tmp_path)
    runtime_files.write({}, Policy(), GuestFacts(), host)
    other = host.path(installed.SLOT_ATTRIBUTES).with_name("other")
    other.touch()
    with pytest.raises(WriteError, match=r"cannot remove /.*/run/condor-kvm-stage: Directory not empty$"):
        runtime_files.remove(host)
    assert other.exists()


def test_place_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    (tmp_path / "run").touch()
    with pytest.raises(WriteError, match=r"cannot make /.*: Not a directory; run this as root$"):
        runtime_files.write({}, Policy(), GuestFacts(), Host(tmp_path))


def test_plugin_can_read_what_is_found_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        (tmp_path / "run").mkdir()
        runtime_files.write({}, Policy(), GuestFacts(), Host(tmp_path))
    finally:
        os.umask(before)
    for path in (tmp_path / place.lstrip("/") for place in (installed.SLOT_ATTRIBUTES, installed.GUEST_FACTS)):
        assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o755, 0o644)
