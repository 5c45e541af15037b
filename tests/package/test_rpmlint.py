"""rpmlint has nothing to say of the spec and of the packages, but for what is named with a reason."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

import pytest
import tomllib

from testnode import builds

REPOSITORY = Path(__file__).parents[2]
SETTINGS = REPOSITORY / "packaging/rpmlint.toml"
EXCEPTIONS = REPOSITORY / "condor-kvm-stage.rpmlintrc"


def rpmlint(*options: str | Path) -> subprocess.CompletedProcess[str]:
    packages = [builds.built(), builds.submit_package(), builds.source_package()]
    command = ["rpmlint", *options, REPOSITORY / "condor-kvm-stage.spec", *packages]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)


def test_rpmlint_is_content_and_each_exception_is_used() -> None:
    result = rpmlint("--strict", "--config", SETTINGS, "--rpmlintrc", EXCEPTIONS)
    assert result.returncode == 0, result.stdout
    assert "3 packages and 1 specfiles checked; 0 errors, 0 warnings" in result.stdout, result.stdout


def test_each_filter_among_the_settings_is_used() -> None:
    messages = rpmlint().stdout
    for pattern in tomllib.loads(SETTINGS.read_text(encoding="utf-8"))["Filters"]:
        assert re.search(pattern, messages, re.MULTILINE), f"rpmlint does not say {pattern!r} any more: delete it"


@pytest.mark.parametrize(("path", "entry"), [(SETTINGS, "    '"), (EXCEPTIONS, "addFilter")], ids=["settings", "own"])
def test_each_filter_has_a_reason_in_a_comment_above_it(path: Path, entry: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    entries = [(before, line) for before, line in itertools.pairwise(lines) if line.startswith(entry)]
    assert entries
    assert [line for before, line in entries if not before.lstrip().startswith("# ")] == []
