"""tools/make-repo: what it refuses, with one message, and what is there stays as it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from package.making import assert_made, build, make, source

from testnode import repository
from testnode.run import run


@pytest.fixture(scope="module")
def stranger() -> Iterator[Path]:
    """The key ring of somebody else."""
    with repository.key_ring() as path:
        yield path


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that one message says these words: what is wrong, and what to do."""
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("make-repo: ")
    for word in words:
        assert word in result.stderr


def content(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_package_with_the_name_of_another_is_refused(directory: Path, ring: Path, tmp_path: Path) -> None:
    assert_made(make(directory, build(tmp_path / "one", "1"), ring))
    before = content(directory)
    other = build(tmp_path / "other", "1", content="other")
    assert_refused(make(directory, other, ring), f"has other content than {other}", "raise Version or Release")
    assert content(directory) == before


def test_source_package_of_other_sources_with_the_name_of_another_is_refused(
    directory: Path, ring: Path, tmp_path: Path
) -> None:
    build(tmp_path / "one", "1")
    build(tmp_path / "changed", "1", content="other")
    assert_made(make(directory, source(tmp_path / "one"), ring))
    assert_refused(make(directory, source(tmp_path / "changed"), ring), "has other content than ")


@pytest.mark.parametrize("damage", ["one bit", "no signature"])
def test_nothing_is_published_beside_a_package_that_users_would_refuse(
    directory: Path, ring: Path, tmp_path: Path, damage: str
) -> None:
    package = build(tmp_path / "build", "1")
    assert_made(make(directory, package, ring))
    there = directory / package.name
    signed = bytearray(there.read_bytes())
    signed[-10] ^= 1
    there.write_bytes(bytes(signed) if damage == "one bit" else package.read_bytes())
    before = content(directory)
    result = make(directory, build(tmp_path / "newer", "2"), ring)
    assert_refused(result, f"{there}: ", "remove it, or: rpmsign --resign")
    assert content(directory) == before


def test_packages_of_an_earlier_key_are_not_left_to_users_of_a_new_one(
    directory: Path, ring: Path, stranger: Path, tmp_path: Path
) -> None:
    assert_made(make(directory, build(tmp_path / "build", "1"), ring))
    before = content(directory)
    result = make(directory, build(tmp_path / "newer", "2"), stranger)
    assert_refused(result, f"{directory}/small-1-1.noarch.rpm: ", "not signed with ", "rpmsign --resign")
    assert content(directory) == before


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "GPG_KEY names no key to sign with; name one of your key ring"),
        ("nobody@example.org", "GPG_KEY is 'nobody@example.org', but your key ring has no such secret key"),
    ],
    ids=["none", "unknown"],
)
def test_without_a_key_the_message_says_how_to_come_by_one(
    directory: Path, ring: Path, tmp_path: Path, key: str, words: str
) -> None:
    result = make(directory, build(tmp_path / "build", "1"), ring, key)
    assert_refused(result, words, "gpg --list-secret-keys", "gpg --quick-generate-key")
    assert content(directory) == {}


def test_key_must_be_one(directory: Path, tmp_path: Path) -> None:
    with repository.key_ring() as ring:
        generate = ["--quick-generate-key", "another test key", "rsa3072", "sign", "1d"]
        run(["gpg", "--batch", "--quiet", "--passphrase", "", *generate], env={"GNUPGHOME": str(ring)})
        result = make(directory, build(tmp_path / "build", "1"), ring, "test key")
        assert_refused(result, "GPG_KEY is 'test key', which stands for several keys", "fingerprint")
        assert len(result.stderr.splitlines()) == 3, "the two fingerprints, each on a line"


@pytest.mark.parametrize("url", ["rpm.example.org", "/srv/repository", "https://rpm.example.org/a directory"])
def test_url_must_be_one_that_dnf_takes(directory: Path, ring: Path, tmp_path: Path, url: str) -> None:
    result = make(directory, build(tmp_path / "build", "1"), ring, url=url)
    assert_refused(result, f"REPO_URL is '{url}', but ")
    assert content(directory) == {}
