"""The trees of a column: a fresh one for a test that changes it, one with the package for those that look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testnode import builds, container, repository

from .column import NAME, TOPDIR, Column

pytest.register_assert_rewrite("e2e.rpm.cells", "e2e.rpm.building")


@dataclass(frozen=True)
class Installed:
    """A tree with the package, and what dnf wrote."""

    column: Column
    output: str


@pytest.fixture(scope="session")
def etc_and_srv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes a signed repository of a tree: with the package in dist/ and an older build of it."""
    directory = tmp_path_factory.mktemp("repository")
    packages = [builds.older(tmp_path_factory.mktemp("older")), repository.built()]
    with repository.key_ring() as ring:
        repository.put_in(directory, packages, ring)
    return directory


@dataclass(frozen=True)
class Built:
    """What `rpmbuild -ba` made of the spec and the archive in dist/'s source package."""

    package: Path
    source_package: Path


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
        yield Installed(column, column.dnf("install", NAME))


@pytest.fixture(scope="class")
def built(request: pytest.FixtureRequest, etc_and_srv: Path) -> Iterator[Built]:
    """The packages that the column's own rpm builds."""
    with container.tree(request.cls.release) as tree:
        column = Column(tree, request.cls.dnf, etc_and_srv)
        spec = builds.unpack_sources(tree / TOPDIR)
        column.rpmbuild("-ba", "--nocheck", f"/{spec.relative_to(tree)}")
        (package,) = (tree / TOPDIR).glob("RPMS/noarch/*.rpm")
        (source_package,) = (tree / TOPDIR).glob("SRPMS/*.rpm")
        yield Built(package, source_package)
