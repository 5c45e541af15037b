"""The trees of a column: a fresh one for a test that changes it, one with the package for those that look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testnode import builds, container, repository
from testnode.recipe import PACKAGE

from .column import TOPDIR, Built, Column, Installed

pytest.register_assert_rewrite("e2e.rpm.cells", "e2e.rpm.building")


@pytest.fixture(scope="session")
def etc_and_srv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes a signed repository of a tree: with the package in dist/ and an older build of it."""
    directory = tmp_path_factory.mktemp("repository")
    packages = [builds.older(tmp_path_factory.mktemp("older")), builds.built()]
    with repository.key_ring() as ring:
        repository.put_in(directory, packages, ring)
    return directory


@pytest.fixture
def column(request: pytest.FixtureRequest, etc_and_srv: Path) -> Iterator[Column]:
    """A fresh tree, with the repository and without the package."""
    with container.tree(request.cls.release) as tree:
        yield Column(tree, request.cls.dnf, etc_and_srv)


@pytest.fixture(scope="class")
def installed(request: pytest.FixtureRequest, etc_and_srv: Path) -> Iterator[Installed]:
    """A tree into which dnf has installed the package, for tests that only look at it."""
    with container.tree(request.cls.release) as tree:
        column = Column(tree, request.cls.dnf, etc_and_srv)
        yield Installed(column, column.dnf("install", PACKAGE))


@pytest.fixture(scope="class")
def built(request: pytest.FixtureRequest, etc_and_srv: Path) -> Iterator[Built]:
    """The packages that the column's own rpm builds."""
    with container.tree(request.cls.release) as tree:
        column = Column(tree, request.cls.dnf, etc_and_srv)
        spec = builds.unpack_sources(tree / TOPDIR)
        column.rpmbuild("-ba", "--nocheck", f"/{spec.relative_to(tree)}")
        package = builds.for_workers(tree / TOPDIR / "RPMS/noarch")
        (source_package,) = (tree / TOPDIR).glob("SRPMS/*.rpm")
        yield Built(package, source_package)
