"""Builds that differ from the package in dist/, for tests of upgrades: an older version.

>>> packages = [builds.older(scratch), repository.built()]
>>> with repository.key_ring() as ring:
...     repository.put_in(node.root, packages, ring)
>>> node.run(["dnf", "--assumeyes", "install", f"condor-kvm-stage-{builds.OLDER}"])
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .repository import DIST
from .run import TestNodeError, run

OLDER = "0.0.1"
# What the older version has and the newer does not: a module, in a directory of its own
RETIRED = "condor_kvm_stage/retired/__init__.py"
# and a line of its policy's text
OLDER_POLICY = "# The policy of an older version\n"

_NAME = "condor-kvm-stage"


def source_package() -> Path:
    """Return the source package in dist/."""
    return _only(DIST, f"{_NAME}-*.src.rpm")


def unpack_sources(directory: Path) -> Path:
    """Unpack the source package: SPECS and SOURCES in a directory, for rpmbuild's _topdir. Returns the spec's path."""
    run(["rpm", "--define", f"_topdir {directory}", "--install", source_package()])
    return _only(directory / "SPECS", "*.spec")


def older(scratch: Path) -> Path:
    """Build the package in an empty directory, as version OLDER would have been. Returns the RPM's path."""
    spec = unpack_sources(scratch)
    archive = _only(scratch / "SOURCES", "*.tar.gz")
    shutil.unpack_archive(archive, scratch / "BUILD")
    tree = scratch / "BUILD" / f"{_NAME}-{OLDER}"
    _only(scratch / "BUILD", f"{_NAME}-*").rename(tree)
    _substitute(spec, r"^(Version: +).*$", rf"\g<1>{OLDER}")
    _substitute(tree / "src/condor_kvm_stage/__init__.py", r'^(__version__ = )".*"$', rf'\g<1>"{OLDER}"')
    retired = tree / "src" / RETIRED
    retired.parent.mkdir()
    retired.write_text('"""What a newer version does without."""\n', encoding="utf-8")
    with open(tree / "packaging/config.toml", "a", encoding="utf-8") as policy:
        policy.write(OLDER_POLICY)
    archive.unlink()
    shutil.make_archive(str(archive.with_name(tree.name)), "gztar", scratch / "BUILD", tree.name)
    # --nodeps: what dpkg has installed RPM does not know
    run(["rpmbuild", "-bb", "--nodeps", "--nocheck", "--define", f"_topdir {scratch}", spec])
    return _only(scratch / "RPMS/noarch", "*.rpm")


def _only(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise TestNodeError(f"{directory} holds {len(found)} files {pattern}, not one; run: make rpm")
    return found[0]


def _substitute(path: Path, pattern: str, replacement: str) -> None:
    """Replace the one line of a file that a regular expression matches."""
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise TestNodeError(f"{path}: {count} lines match {pattern}, not one; testnode/builds.py expects another file")
    path.write_text(text, encoding="utf-8")
