"""docs/guest-image.md: each of its commands, in a copy of the sources. Jobs that boot such images: other tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.page_commands import commands
from testnode.run import run

pytestmark = pytest.mark.full

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/guest-image.md").read_text(encoding="utf-8")
TIMEOUT = 3600  # seconds for all: each of the three images takes a minute, on a machine that does nothing else
LARGEST = 400 << 20
ROOT_AT = (1 + 96) << 20  # where the guest's file system begins on its disk


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory with what the commands have made. /srv, where they put an image, is theirs alone."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("packaging", "tools", "src"):
        shutil.copytree(REPOSITORY / name, copy / name)
    shutil.copy(REPOSITORY / "Makefile", copy)
    lines = "\n".join(command.text for command in commands(PAGE))
    script = f"set -eux; mount -t tmpfs tmpfs /srv\n{lines}\ncp /srv/images/debian-13.qcow2 dist/shared.qcow2"
    unshare = ["unshare", "--mount", "--propagation=private", "sh", "-c", script]
    run(["env", f"--chdir={copy}", *unshare], timeout=TIMEOUT)
    yield copy / "dist"
    shutil.rmtree(copy)


def has(image: Path, path: str) -> bool:
    """Return whether the guest's file system has a file."""
    raw = image.with_suffix(".raw")
    run(["qemu-img", "convert", "-O", "raw", image, raw], timeout=300)
    command = ["debugfs", "-R", f"stat {path}", f"{raw}?offset={ROOT_AT}"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    raw.unlink()
    return "Type: regular" in found


@pytest.mark.timeout(TIMEOUT + 300)
def test_commands_make_small_and_sound_images(images: Path) -> None:
    made = {path.name: path for path in images.iterdir()}
    assert set(made) == {"debian-13.qcow2", "shared.qcow2", "site.qcow2"}
    assert {name for name, path in made.items() if path.stat().st_size > LARGEST} == set()
    for path in made.values():
        run(["qemu-img", "check", path], timeout=300)


@pytest.mark.timeout(900)
def test_sites_image_has_what_the_site_adds_and_the_other_one_has_not(images: Path) -> None:
    added = ("/usr/bin/jq", "/srv/hosts")
    assert [has(images / "site.qcow2", path) for path in added] == [True, True]
    assert [has(images / "debian-13.qcow2", path) for path in added] == [False, False]


def test_image_on_the_share_is_readable_by_all(images: Path) -> None:
    assert (images / "shared.qcow2").stat().st_mode & 0o777 == 0o644
