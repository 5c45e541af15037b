"""Who rebuilds the package on another system has the same: built here with each system's macros, it does not differ."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testnode import builds
from testnode.run import run

MACROS = Path(__file__).parents[1] / "data/macros"
SYSTEMS = sorted(path.name for path in MACROS.iterdir() if path.suffix != ".md")
FORMAT = (
    "%{NEVRA} %{PAYLOADCOMPRESSOR} %{BUILDTIME} %{BUILDHOST} %{RPMFORMAT}\n"
    "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags} %{FILEMTIMES} "
    "%{FILEDIGESTS}\n]"
)
MORE = ["--requires", "--recommends", "--provides", "--scripts", "--filetriggers"]


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def packages(system: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The packages that rpmbuild makes of the source package with a system's macros."""
    place = tmp_path_factory.mktemp(system)
    defines = ["--define", f"_topdir {place}", "--load", str(MACROS / system)]
    run(["rpmbuild", "--rebuild", "--nodeps", "--nocheck", "--quiet", *defines, builds.source_package()])
    return sorted(place.glob("RPMS/noarch/*.rpm"))


def contents(package: Path) -> str:
    """Return what is in a package, where every system has documentation."""
    text = run(["rpm", "--query", "--nosignature", "--queryformat", FORMAT, *MORE, "--package", package]).stdout
    return text.replace("/usr/share/doc/packages/", "/usr/share/doc/")


def test_release_has_the_systems_mark(system: str, packages: list[Path]) -> None:
    found = re.search("^%dist (.+)$", (MACROS / system).read_text(encoding="utf-8"), re.MULTILINE)
    mark = found[1] if found else ""
    assert [path.name.partition("-1")[2] for path in packages] == [f"{mark}.noarch.rpm"] * 2


def test_packages_are_those_of_dist(system: str, packages: list[Path]) -> None:
    mark = re.compile(r"(?<=-1)\.(el9|el10|fc44)\b")
    for package, ours in zip(packages, (builds.built(), builds.submit_package())):
        assert mark.sub("", contents(package)) == contents(ours)
