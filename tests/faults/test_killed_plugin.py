"""A plug-in that is killed: the overlay is complete or not there, and the next attempt is not in its way."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from support.processes import wait_for

from .images import check_qcow2, check_same_disk
from .program import Plugin
from .share import Share

TURNS = 30
SIZE = 64 << 20  # bytes of an image that takes seconds to copy


def copied(scratch: Path) -> int:
    """Return how many bytes a copy has on the disk so far, 0 if there is none."""
    try:
        return max((entry.stat().st_blocks * 512 for entry in os.scandir(scratch)), default=0)
    except FileNotFoundError:  # it has been removed just now
        return 0


@pytest.mark.parametrize("mode", ["overlay", "copy"])
def test_kill_at_any_moment_leaves_a_complete_disk_or_none_and_nothing_for_long(
    plugin: Plugin, broken: Share, scratch: Path, mode: str
) -> None:
    file = (f"nfs://{broken.mount}/base.qcow2?mode={mode}:disk", scratch / "file")
    disk = scratch / "disk"
    duration = plugin.start(file).finish().seconds
    disk.unlink()
    moments = random.Random(1)
    complete = with_leftovers = 0
    for turn in range(TURNS):
        run = plugin.start(file)
        time.sleep(moments.uniform(0, 1.2 * duration))
        if turn % 2:
            run.kill_all()
            with_leftovers += any(name.startswith(".") for name in os.listdir(scratch))
        else:
            run.kill_plugin()
        if disk.exists():
            complete += 1
            check_qcow2(disk)
        outcome = plugin.start(file).finish()
        if outcome.status:
            assert (outcome.status, outcome.error["ErrorType"]) == (64, "Parameter")
            assert "already exists" in outcome.error["ErrorString"]
        wait_for(run.has_ended, "what the killed plug-in had started ends")
        assert os.listdir(scratch) == ["disk"]
        check_qcow2(disk)
        disk.unlink()
    assert 0 < complete < TURNS, "all kills came before the end, or none: the test showed too little"
    # an overlay's temporary file is there for less than a millisecond
    assert with_leftovers > 0 or mode == "overlay", "no kill came while there was one: the test showed too little"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_copy_does_not_outlive_the_plugin(plugin: Plugin, broken: Share, scratch: Path, number: signal.Signals) -> None:
    image = broken.source / "large.raw"
    image.write_bytes(b"\1" * SIZE)  # at least 64 reads
    file = (f"nfs://{broken.mount}/large.raw?mode=copy:disk", scratch / "file")
    broken.order("slow", "read")
    run = plugin.start(file)
    wait_for(lambda: copied(scratch) > 4 << 20, "the copy grows")
    run.kill_plugin(number)
    largest = 0

    def has_ended() -> bool:
        nonlocal largest
        largest = max(largest, copied(scratch))
        return run.has_ended()

    wait_for(has_ended, "the copy ends")
    assert largest < SIZE // 2, "the copy went on after the plug-in's end"
    assert "disk" not in os.listdir(scratch), "a disk came after the plug-in's end, or the copy was no slow one"
    broken.order("ok")
    outcome = plugin.start(file).finish()
    assert outcome.status == 0, outcome.ads
    assert os.listdir(scratch) == ["disk"]
    check_same_disk(image, scratch / "disk")


def test_copy_from_a_share_that_hangs_ends_after_the_plugin_once_the_share_answers(
    plugin: Plugin, broken: Share, scratch: Path
) -> None:
    file = (f"nfs://{broken.mount}/base.raw?mode=copy:disk", scratch / "file")
    broken.order("hang", "read", 4 << 20)
    run = plugin.start(file)
    wait_for(lambda: os.listdir(scratch) != [], "the copy begins")
    time.sleep(0.5)  # it hangs
    run.kill_plugin()
    assert not run.has_ended(), "it did not hang: the test showed nothing"
    broken.order("ok")
    wait_for(run.has_ended, "the copy ends")
    assert "disk" not in os.listdir(scratch), "a disk came after the plug-in's end"
    outcome = plugin.start(file).finish()
    assert outcome.status == 0, outcome.ads
    assert os.listdir(scratch) == ["disk"]
    check_same_disk(broken.source / "base.raw", scratch / "disk")
