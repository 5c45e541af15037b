"""tools/make-repo: what is in the repository that it makes. dnf's view is in tests/e2e."""

from __future__ import annotations

import configparser
import gzip
import os
from pathlib import Path

from package.making import URL, assert_made, build, make, source

from testnode.run import run

PUBLIC_KEY = "RPM-GPG-KEY-condor-kvm-stage"


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


def test_source_package_of_the_same_sources_is_the_same_wherever_it_was_built(
    directory: Path, ring: Path, tmp_path: Path
) -> None:
    build(tmp_path / "one", "1")
    build(tmp_path / "other", "1")
    first, second = source(tmp_path / "one"), source(tmp_path / "other")
    assert first.read_bytes() != second.read_bytes()
    assert_made(make(directory, first, ring))
    assert_made(make(directory, second, ring))
