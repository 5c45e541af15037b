"""The cells of the matrix that build: one noarch package, whatever rpm builds it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import ClassVar

import pytest

from condor_kvm_stage import __version__
from testnode import builds, container
from testnode.recipe import PACKAGE, Release
from testnode.run import run

from .column import TOPDIR, Built, Column

_FORMAT = (
    "%{NEVRA} %{PAYLOADCOMPRESSOR} %{BUILDTIME} %{BUILDHOST}\n%{SUMMARY}\n%{DESCRIPTION}\n"
    "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags} %{FILELINKTOS} "
    "%{FILEMTIMES} %{FILEDIGESTS}\n]"
)
_MORE = ["--requires", "--recommends", "--provides", "--scripts", "--filetriggers", "--changelog"]


class BuildCells:
    """What a column's rpmbuild makes of the sources. A subclass in a file of its own says which column."""

    release: ClassVar[Release]

    def test_builds_the_package_that_is_in_dist(self, built: Built) -> None:
        assert contents(built.package) == contents(builds.built())
        assert contents(built.source_package) == contents(builds.source_package())

    def test_what_it_builds_installs_on_it_and_on_the_oldest_rpm(self, built: Built) -> None:
        for release in (self.release, Release.BULLSEYE):
            with container.tree(release) as tree:
                shutil.copyfile(built.package, tree / "srv/own.rpm")
                container.execute(tree, ["rpm", "--install", "/srv/own.rpm"])
                query = ["rpm", "--query", "--queryformat", "%{VERSION}", PACKAGE]
                assert container.execute(tree, query).stdout == __version__
                assert container.execute(tree, ["rpm", "--verify", PACKAGE]).stdout == ""

    @pytest.mark.full  # %check takes minutes, and is what `make unit` runs
    def test_rebuilds_from_the_source_package_and_passes_check(self, column: Column) -> None:
        shutil.copyfile(builds.source_package(), column.tree / "srv/sources.rpm")
        log = column.rpmbuild("--rebuild", "/srv/sources.rpm", timeout=850)
        package = builds.for_workers(column.tree / TOPDIR / "RPMS/noarch")
        assert contents(package) == contents(builds.built())
        assert re.search(r"^\d+ passed", log, re.MULTILINE), "the unit tests did not run in %check"


def contents(package: Path) -> list[str]:
    """Return all that is in a package, but for the manual pages' digests: they depend on docutils' version."""
    text = run(["rpm", "--query", "--nosignature", "--queryformat", _FORMAT, *_MORE, "--package", package]).stdout
    return re.sub(r"^(/usr/share/man/.*) [0-9a-f]+$", r"\1", text, flags=re.MULTILINE).splitlines()
