"""What the plug-in knows of QEMU, on each one that we know: overlays, locks, what it does to disks that are written to.

As root: QEMU is that of Debian's releases, in trees of them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from testnode import container
from testnode.recipe import NODES, Release

REPOSITORY = Path(__file__).parents[2]
VERSIONS = {Release.BULLSEYE: "5.2", Release.BOOKWORM: "7.2", Release.TRIXIE: "10.0", Release.TESTING: "11.1"}
UNIT_TESTS = [
    "tests/unit/images/test_qcow2_overlay.py",
    "tests/unit/images/test_qemu_locks.py",
    "tests/unit/images/test_written_images.py",
]
BINDS = {REPOSITORY / name: f"/srv/repository/{name}" for name in ("scripts", "src", "tests", "tools")}


def run(tree: Path, *command: str) -> str:
    settings = ["PYTHONPATH=src:tools:tests", "PYTHONDONTWRITEBYTECODE=1"]
    words = ["env", "--chdir=/srv/repository", *settings, *command]
    return container.execute(tree, words, binds=BINDS, timeout=300).stdout


@pytest.mark.parametrize("release", Release, ids=lambda release: f"QEMU-{VERSIONS[release]}")
def test_unit_tests_of_what_qemu_does_pass(release: Release) -> None:
    with container.tree(release) as tree:
        assert f"qemu-img version {VERSIONS[release]}." in run(tree, "qemu-img", "--version")
        # as in the package's %check
        pytest_there = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir=."]
        output = run(tree, *pytest_there, "--hypothesis-profile=package", *UNIT_TESTS)
        assert re.search(r"^\d+ passed in", output, re.MULTILINE), output


@pytest.mark.parametrize("release", NODES, ids=lambda release: f"QEMU-{VERSIONS[release]}")
def test_guest_starts_on_an_image_unless_we_call_it_denied(release: Release) -> None:
    with container.tree(release) as tree:
        script = "mkdir /srv/images; cd /srv/images; PYTHONPATH=/srv/repository/src "
        script += "python3 /srv/repository/tests/e2e/image_users.py"
        found = json.loads(run(tree, "sh", "-c", script))
    denied = {use: [name for name, (called, _) in seen.items() if called] for use, seen in found.items()}
    for use, seen in found.items():
        for name, (called_denied, starts) in seen.items():
            assert starts is not called_denied, (use, name)
    assert denied == {
        "nobody": [],
        "raw written": ["raw"],
        "raw read": [],
        "qcow2 written": ["qcow2", "middle", "top"],
        "qcow2 read": [],
        "middle written": ["middle", "top"],
        "middle read": [],
        "top written": ["top"],
        "top read": [],
        "commit of top into qcow2": ["qcow2", "middle", "top"],
        "lock 0 0 shared": ["qcow2", "middle", "top"],
        "lock 0 0 exclusive": ["qcow2", "middle", "top"],
        "lock 101 100 shared": ["qcow2", "middle", "top"],
        "lock 100 1 shared": [],
        "lock 100 1 exclusive": ["qcow2", "middle", "top"],
    }
