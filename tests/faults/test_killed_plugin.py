"""A plug-in that is killed: the overlay is complete or not there, and the next attempt is not in its way."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from .images import check_qcow2
from .program import Plugin
from .share import Share, wait_for

TURNS = 50


def test_kill_at_any_moment_leaves_a_complete_overlay_or_none_and_nothing_for_long(
    plugin: Plugin, broken: Share, scratch: Path
) -> None:
    file = (f"nfs://{broken.mount}/base.qcow2:disk", scratch / "file")
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
            assert "exists already" in outcome.error["ErrorString"]
        wait_for(run.has_ended, "what the killed plug-in had started ends")
        assert os.listdir(scratch) == ["disk"]
        check_qcow2(disk)
        disk.unlink()
    assert 0 < complete < TURNS, "all kills came before the end, or none: the test showed too little"
    assert with_leftovers > 0, "no kill came while there was a temporary file: the test showed too little"
