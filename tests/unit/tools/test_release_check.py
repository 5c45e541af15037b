"""tools/release-check on real git repositories: each place that says which version this is, and git, must agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from condor_kvm_stage import __version__

pytestmark = pytest.mark.needs_repository

REPOSITORY = Path(__file__).parents[3]
SCRIPT = "tools/release-check"
SOURCE = "src/condor_kvm_stage/__init__.py"
SPEC = "condor-kvm-stage.spec"
CHANGELOG = "CHANGELOG.md"
PAGES = [str(path.relative_to(REPOSITORY)) for path in sorted((REPOSITORY / "packaging/man").glob("*.rst"))]
NEWEST = rf"^## \[{re.escape(__version__)}\]"
TAG = f"v{__version__}"
_RELEASE = re.search(r"^Release: +(\d+)", (REPOSITORY / SPEC).read_text(encoding="utf-8"), re.MULTILINE)
assert _RELEASE
RELEASE = int(_RELEASE[1])
NAME = ["-c", "user.name=A developer", "-c", "user.email=developer@example.org"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A git repository with this one's files that name a version, committed and tagged."""
    for name in [SCRIPT, SOURCE, SPEC, CHANGELOG, *PAGES]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    changes = tmp_path / CHANGELOG
    text = re.sub(r"^## \[Unreleased\].*?(?=^## )", "", changes.read_text(encoding="utf-8"), flags=re.M | re.S)
    changes.write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    git(tmp_path, "tag", TAG)
    return tmp_path


def git(clone: Path, *words: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return subprocess.run(["git", "-C", clone, *words], env=env, capture_output=True, text=True, check=True).stdout


def commit(clone: Path) -> None:
    git(clone, "add", "--all")
    git(clone, *NAME, "commit", "--quiet", "--allow-empty", "--message", "A change")


def change(clone: Path, name: str, pattern: str, replacement: str) -> None:
    """Replace what a pattern finds once in a file, commit it, and move the tag there."""
    text, count = re.subn(pattern, replacement, (clone / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1, f"{pattern!r} is {count} times in {name}"
    (clone / name).write_text(text, encoding="utf-8")
    commit(clone)
    git(clone, "tag", "--force", TAG)


def check(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, clone / SCRIPT], capture_output=True, text=True, check=False)


def disagreements(clone: Path) -> list[str]:
    """Return what the check finds, which must end with how many there are."""
    result = check(clone)
    assert (result.returncode, result.stdout) == (1, "")
    *found, last = (line.removeprefix("release-check: ") for line in result.stderr.splitlines())
    assert last.endswith(f"is not ready: {len(found)} to fix")
    return found


def test_this_repository_s_files_agree_and_the_check_says_what_comes_next(clone: Path) -> None:
    before = git(clone, "status", "--porcelain", "--ignored"), git(clone, "show-ref")
    result = check(clone)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{__version__} is ready: ")
    assert "Next: make repo GPG_KEY=" in result.stdout
    assert (git(clone, "status", "--porcelain", "--ignored"), git(clone, "show-ref")) == before, "it changes nothing"


def test_every_disagreement_is_listed_with_what_to_do(clone: Path) -> None:
    change(clone, SOURCE, '^__version__ = ".*"$', '__version__ = "9.8.7"')
    (clone / "new").touch()
    assert disagreements(clone) == [
        f"{SPEC} has {__version__} as its Version, {SOURCE} has 9.8.7; make them the same",
        f"the newest entry of %changelog in {SPEC} is of {__version__}-{RELEASE}; write one of 9.8.7-{RELEASE}",
        f"the newest entry of {CHANGELOG} is of {__version__}; write one of 9.8.7: ## [9.8.7] - YEAR-MONTH-DAY",
        *(f"{page} has {__version__} as its version; write :Version: condor-kvm-stage 9.8.7" for page in PAGES),
        "not committed: new; commit or remove it before the tag is made",
        "there is no tag v9.8.7; when everything else is fixed: git tag --annotate v9.8.7 --message 'v9.8.7'",
    ]


@pytest.mark.parametrize(
    ("name", "pattern", "replacement", "message"),
    [
        (SPEC, r"^Version:.*$", "Version:        9.8.7", f"{SPEC} has 9.8.7 as its Version, "),
        (SPEC, r"^Release: +\d+", f"Release: {RELEASE + 1}", f"{RELEASE}; write one of {__version__}-{RELEASE + 1}"),
        (SPEC, r"(?<=%changelog\n)\* .* - \S+$", "", f"the newest entry of %changelog in {SPEC} is missing; "),
        (SPEC, r"(?<=%changelog\n)\* \w+ ", "* Xxx ", f"the date in %changelog of {SPEC}, Xxx "),
        (SPEC, r"(?<=%changelog\n)\* \w+ \w+ +\d+", "* Fri Nov 22", "does not exist; see to the day of the week, too"),
        (
            SPEC,
            r"^\* \w+ \w+ +\d+ \d+",
            "* Sat Nov 22 2025",
            "as the date, %changelog of condor-kvm-stage.spec has 2025-",
        ),
        (CHANGELOG, NEWEST + ".*$", "", f"the newest entry of {CHANGELOG} is "),
        (CHANGELOG, f"({NEWEST}).*$", r"\1", f"{CHANGELOG} has none as the date, "),
        (CHANGELOG, f"({NEWEST}).*$", r"\1 - 2025-11-22", f"{CHANGELOG} has 2025-11-22 as the date, "),
        (CHANGELOG, f"(?={NEWEST})", "## [9.8.7] - 2026-12-01\n\n", f"the newest entry of {CHANGELOG} is of 9.8.7; "),
        (
            CHANGELOG,
            f"(?={NEWEST})",
            "## [Unreleased]\n\n### Fixed\n\n- A mistake\n\n",
            f"{CHANGELOG} has something under Unreleased; move it under [{__version__}]",
        ),
        *((page, r"^:Version: .*$", ":Version: 0", f"{page} has none as its version; write ") for page in PAGES),
    ],
)
def test_one_place_that_disagrees_is_named(
    clone: Path, name: str, pattern: str, replacement: str, message: str
) -> None:
    change(clone, name, pattern, replacement)
    found = disagreements(clone)
    assert any(message in line for line in found), found


def test_heading_for_what_is_not_released_yet_may_stay_when_it_is_empty(clone: Path) -> None:
    change(clone, CHANGELOG, f"(?={NEWEST})", "## [Unreleased]\n\n")
    assert check(clone).returncode == 0


def test_tag_at_an_earlier_commit_is_told(clone: Path) -> None:
    tagged = git(clone, "rev-parse", "HEAD")[:12]
    commit(clone)
    (line,) = disagreements(clone)
    assert line.startswith(f"the tag {TAG} is not at the current commit, but at {tagged}; ")
    assert line.endswith(f"git tag --force --annotate {TAG} --message '{TAG}'")


def test_annotated_tag_counts_as_the_commit_that_it_names(clone: Path) -> None:
    git(clone, *NAME, "tag", "--force", "--annotate", TAG, "--message", TAG)
    assert check(clone).returncode == 0


@pytest.mark.parametrize("kind", ["changed", "staged", "new"])
def test_what_is_not_committed_is_told(clone: Path, kind: str) -> None:
    path = clone / ("new" if kind == "new" else CHANGELOG)
    with path.open("a", encoding="utf-8") as file:
        file.write("\nMore\n")
    if kind == "staged":
        git(clone, "add", path.name)
    assert disagreements(clone) == [f"not committed: {path.name}; commit or remove it before the tag is made"]


def test_unpacked_sources_are_no_place_to_release_from(clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    assert disagreements(clone) == ["there is no git repository with a commit here; run this in a clone"]


def test_missing_version_is_told_alone(clone: Path) -> None:
    change(clone, SOURCE, "^__version__.*$", "")
    result = check(clone)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f'release-check: {SOURCE} has no line __version__ = "…"; write one\n'
