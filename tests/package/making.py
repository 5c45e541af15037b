"""A small package, and tools/make-repo run with it: what the tests of that script have in common."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testnode import repository
from testnode.run import run

MAKE_REPO = Path(__file__).parents[2] / "tools/make-repo"
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
