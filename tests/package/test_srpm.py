"""The source package, as COPR makes it."""

from __future__ import annotations

import shutil
from pathlib import Path

from testnode import builds
from testnode.run import run

REPOSITORY = Path(__file__).parents[2]


def files(package: Path) -> str:
    """Return the names and digests of a package's files: its header names also the directory that it was built in."""
    return run(["rpm", "--query", "--queryformat", "[%{FILENAMES} %{FILEDIGESTS}\n]", "--package", package]).stdout


def test_copr_makes_a_source_package_of_the_same_files(tmp_path: Path) -> None:
    made_here = ("/.", "/build", "/dist")  # .git and the tools' directories, too: COPR has a clone
    clone = tmp_path / "clone"

    def ignored(directory: str, names: list[str]) -> set[str]:
        if Path(directory) != REPOSITORY:
            return set()
        return {name for name in names if f"/{name}".startswith(made_here) and name != ".copr"}

    shutil.copytree(REPOSITORY, clone, symlinks=True, ignore=ignored)
    outdir = tmp_path / "outdir"
    outdir.mkdir()
    makefile = clone / ".copr/Makefile"
    run(["make", "-f", makefile, "srpm", f"outdir={outdir}", "spec="])
    ours = builds.source_package()
    assert {path.name: files(path) for path in outdir.iterdir()} == {ours.name: files(ours)}
