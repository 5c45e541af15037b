"""A share that is slow, but answers: however long a transfer takes in total, it is not given up while it goes on."""

from __future__ import annotations

import os
from pathlib import Path

from support.processes import NOBODY

from .faultfs import SLOWNESS
from .images import check_same_disk, make_fragmented, pack
from .program import Outcome, Plugin
from .share import Share

TIMEOUT = 1  # second; the tests' policy
_OPERATIONS = int(2 * TIMEOUT / SLOWNESS)  # of the slow kind, at least
_SIZE = _OPERATIONS << 20  # bytes: FUSE reads and writes no more than 1 MiB at once


def assert_slow_and_successful(outcome: Outcome) -> None:
    assert outcome.status == 0, outcome.ads
    assert outcome.seconds > 1.5 * TIMEOUT, "the share was no slow one: the test showed nothing"


def test_slow_copy_may_take_longer_than_the_timeout(plugin: Plugin, broken: Share, scratch: Path) -> None:
    (broken.source / "large.raw").write_bytes(b"\1" * _SIZE)
    plugin.set_policy(f"timeout = {TIMEOUT}")
    broken.order("slow", "read")
    assert_slow_and_successful(plugin.stage(f"nfs://{broken.mount}/large.raw?mode=copy:disk", scratch))
    check_same_disk(broken.source / "large.raw", scratch / "disk")
    assert os.listdir(scratch) == ["disk"]


def test_copy_of_many_extents_may_take_longer_than_the_timeout(plugin: Plugin, broken: Share, scratch: Path) -> None:
    """To look for data is no I/O and takes hardly any CPU time, but on a slow share its time."""
    make_fragmented(broken.source / "fragmented.raw", extents=_OPERATIONS // 2)
    plugin.set_policy(f"timeout = {TIMEOUT}")
    broken.order("slow", "lseek")
    assert_slow_and_successful(plugin.stage(f"nfs://{broken.mount}/fragmented.raw?mode=copy:disk", scratch))
    check_same_disk(broken.source / "fragmented.raw", scratch / "disk")
    assert os.listdir(scratch) == ["disk"]


def test_slow_upload_may_take_longer_than_the_timeout(plugin: Plugin, broken: Share, output: Path, url: str) -> None:
    output.write_bytes(b"y" * _SIZE)
    broken.order("slow", "write")
    assert_slow_and_successful(plugin.upload(output, url))
    assert (broken.source / "output").read_bytes() == output.read_bytes()


def test_slow_upload_of_a_standalone_image_may_take_longer_than_the_timeout(
    plugin: Plugin, broken: Share, output: Path, url: str, scratch: Path
) -> None:
    output.write_bytes(b"y" * _SIZE)
    image = scratch / "image"
    pack(output, image)
    os.chown(image, NOBODY, NOBODY)
    broken.order("slow", "write")
    assert_slow_and_successful(plugin.upload(image, f"{url}image?standalone=yes"))
    check_same_disk(output, broken.source / "image")
