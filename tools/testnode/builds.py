"""The packages in dist/, as `make rpm` has built them, and an older version that is built from their sources."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .recipe import PACKAGE
from .run import TestNodeError, run

DIST = Path(__file__).parents[2] / "dist"
# The package for workers: its version follows the name, which in that for access points goes on
_WORKERS = f"{PACKAGE}-[0-9]*.noarch.rpm"
OLDER = "0.0.1"
# What the older version has and the newer does not: a module, in another directory,
RETIRED = "condor_kvm_stage/retired/__init__.py"
# and a line of its policy's text
OLDER_POLICY = "# The policy of an older version\n"


def built() -> Path:
    """Return the path of the package for workers in dist/. Raises TestNodeError if it is not the only one."""
    return _only_in_dist(_WORKERS)


def submit_package() -> Path:
    """Return the path of the package for access points in dist/. Raises TestNodeError if it is not the only one."""
    return _only_in_dist(f"{PACKAGE}-submit-*.noarch.rpm")


def source_package() -> Path:
    """Return the path of the source package in dist/. Raises TestNodeError if it is not the only one."""
    return _only_in_dist("*.src.rpm")


def for_workers(directory: Path) -> Path:
    """Return the path of the package for workers that rpmbuild has made in a directory."""
    (package,) = directory.glob(_WORKERS)
    return package


def _only_in_dist(names: str) -> Path:
    found = sorted(DIST.glob(names))
    if len(found) != 1:
        raise TestNodeError(f"{DIST} holds {len(found)} packages {names}, not one; run: make rpm")
    return found[0]


def unpack_sources(directory: Path) -> Path:
    """Unpack the source package: SPECS and SOURCES in a directory, for rpmbuild's _topdir. Returns the spec's path."""
    run(["rpm", "--define", f"_topdir {directory}", "--install", source_package()])
    (spec,) = directory.glob("SPECS/*.spec")
    return spec


def older(scratch: Path) -> Path:
    """Build the package in an empty directory, as version OLDER would have been. Returns the RPM's path."""
    spec = unpack_sources(scratch)
    (archive,) = scratch.glob("SOURCES/*.tar.gz")
    shutil.unpack_archive(archive, scratch / "BUILD")
    (unpacked,) = scratch.glob(f"BUILD/{PACKAGE}-*")
    tree = unpacked.rename(unpacked.with_name(f"{PACKAGE}-{OLDER}"))
    _substitute(spec, r"^(Version: +).*$", rf"\g<1>{OLDER}")
    _substitute(tree / "src/condor_kvm_stage/__init__.py", r'^(__version__ = )".*"$', rf'\g<1>"{OLDER}"')
    retired = tree / "src" / RETIRED
    retired.parent.mkdir()
    retired.write_text('"""Not in the newer version."""\n', encoding="utf-8")
    with open(tree / "packaging/config.toml", "a", encoding="utf-8") as policy:
        policy.write(OLDER_POLICY)
    archive.unlink()
    shutil.make_archive(str(archive.with_name(tree.name)), "gztar", scratch / "BUILD", tree.name)
    # --nodeps: RPM does not know what dpkg has installed
    run(["rpmbuild", "-bb", "--nodeps", "--nocheck", "--define", f"_topdir {scratch}", spec])
    return for_workers(scratch / "RPMS/noarch")


def _substitute(path: Path, pattern: str, replacement: str) -> None:
    """Replace the one line of a file that a regular expression matches."""
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise TestNodeError(f"{path}: {count} lines match {pattern}, not one; testnode/builds.py expects another file")
    path.write_text(text, encoding="utf-8")
