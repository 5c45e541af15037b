"""scripts/make-repo: what is in the repository that it makes, and what it refuses. dnf's view is in tests/e2e."""

from __future__ import annotations

import configparser
import gzip
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testnode import repository
from testnode.run import run

MAKE_REPO = Path(__file__).parents[2] / "scripts/make-repo"
PUBLIC_KEY = "RPM-GPG-KEY-condor-kvm-stage"
URL = "https://rpm.example.org/stable"
SPEC = """\
Name: small
Version: {version}
Release: 1
Summary: A package of one file
License: Apache-2.0
BuildArch: noarch
%description
A package of one file.
%install
echo {content} > %{{buildroot}}/file
%files
/file
"""


@pytest.fixture(scope="module")
def ring() -> Iterator[Path]:
    with repository.key_ring() as path:
        yield path


@pytest.fixture(scope="module")
def stranger() -> Iterator[Path]:
    """The key ring of somebody else."""
    with repository.key_ring() as path:
        yield path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def build(place: Path, version: str, content: str = "text") -> Path:
    """Build a package. Returns its path, below a directory that is its own."""
    place.mkdir()
    (place / "small.spec").write_text(SPEC.format(version=version, content=content), encoding="utf-8")
    run(["rpmbuild", "-ba", "--quiet", "--define", f"_topdir {place}", place / "small.spec"])
    return place / f"RPMS/noarch/small-{version}-1.noarch.rpm"


def source(place: Path) -> Path:
    """Return the path of the source package that was built below a directory."""
    (path,) = place.glob("SRPMS/*.src.rpm")
    return path


def make(
    directory: Path, package: Path, ring: Path, key: str = repository.KEY, url: str = URL
) -> subprocess.CompletedProcess[str]:
    env = {"GNUPGHOME": str(ring), "GPG_KEY": key, "REPO_URL": url}
    return run([MAKE_REPO, directory, package], env=env, check=False)


def assert_made(result: subprocess.CompletedProcess[str]) -> None:
    assert (result.returncode, result.stderr) == (0, "")


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that one message says these words: what is wrong, and what to do."""
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("make-repo: ")
    for word in words:
        assert word in result.stderr


def content(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def described(directory: Path) -> set[str]:
    """Return the files of the packages that the metadata describe."""
    (primary,) = (directory / "repodata").glob("*-primary.xml.gz")
    text = gzip.decompress(primary.read_bytes()).decode()
    return {line.split('"')[1] for line in text.splitlines() if "<location href=" in line}


def test_packages_and_metadata_are_signed_with_the_key_that_is_published(
    directory: Path, ring: Path, tmp_path: Path
) -> None:
    assert_made(make(directory, build(tmp_path / "build", "1"), ring))
    run(["rpmkeys", "--dbpath", tmp_path / "keys", "--import", directory / PUBLIC_KEY])
    package = directory / "small-1-1.noarch.rpm"
    output = run(["rpmkeys", "--dbpath", tmp_path / "keys", "--checksig", package]).stdout
    assert output.endswith(": digests signatures OK\n")
    run(["gpg", "--dearmor", "--output", tmp_path / "key.gpg", directory / PUBLIC_KEY])
    metadata = directory / "repodata/repomd.xml"
    run(["gpgv", "--keyring", tmp_path / "key.gpg", f"{metadata}.asc", metadata])


def test_repo_file_makes_dnf_check_packages_and_metadata(directory: Path, ring: Path, tmp_path: Path) -> None:
    assert_made(make(directory, build(tmp_path / "build", "1"), ring))
    settings = configparser.ConfigParser()
    settings.read(directory / "condor-kvm-stage.repo")
    assert {name: dict(settings[name]) for name in settings.sections()} == {
        "condor-kvm-stage": {
            "name": "condor-kvm-stage",
            "baseurl": URL,
            "gpgkey": f"{URL}/{PUBLIC_KEY}",
            "gpgcheck": "1",
            "repo_gpgcheck": "1",
            "enabled": "1",
        }
    }


def test_without_a_url_users_find_the_repository_in_its_directory(directory: Path, ring: Path, tmp_path: Path) -> None:
    assert_made(make(directory, build(tmp_path / "build", "1"), ring, url=""))
    assert f"\nbaseurl=file://{directory}\n" in (directory / "condor-kvm-stage.repo").read_text(encoding="utf-8")


def test_everybody_may_read_all_of_it(directory: Path, ring: Path, tmp_path: Path) -> None:
    package = build(tmp_path / "build", "1")
    before = os.umask(0o077)
    try:
        assert_made(make(directory, package, ring))
    finally:
        os.umask(before)
    assert [path for path in directory.rglob("*") if path.stat().st_mode & 0o044 != 0o044] == []


def test_packages_of_earlier_runs_stay_as_they_are(directory: Path, ring: Path, tmp_path: Path) -> None:
    older = build(tmp_path / "older", "1")
    assert_made(make(directory, older, ring))
    before = (directory / older.name).read_bytes()
    assert_made(make(directory, build(tmp_path / "newer", "2"), ring))
    assert_made(make(directory, older, ring))
    assert described(directory) == {"small-1-1.noarch.rpm", "small-2-1.noarch.rpm"}
    assert (directory / older.name).read_bytes() == before


def test_package_with_the_name_of_another_is_refused(directory: Path, ring: Path, tmp_path: Path) -> None:
    assert_made(make(directory, build(tmp_path / "one", "1"), ring))
    before = content(directory)
    other = build(tmp_path / "other", "1", content="other")
    assert_refused(make(directory, other, ring), f"has other content than {other}", "raise Version or Release")
    assert content(directory) == before


def test_source_package_of_the_same_sources_is_the_same_wherever_it_was_built(
    directory: Path, ring: Path, tmp_path: Path
) -> None:
    build(tmp_path / "one", "1")
    build(tmp_path / "other", "1")
    build(tmp_path / "changed", "1", content="other")
    first, second = source(tmp_path / "one"), source(tmp_path / "other")
    assert first.read_bytes() != second.read_bytes()
    assert_made(make(directory, first, ring))
    assert_made(make(directory, second, ring))
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
