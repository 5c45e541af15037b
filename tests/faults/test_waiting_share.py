"""A share that answers and lets nobody open or lock files for a while, as an NFS server that has just been started."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from support.processes import wait_for

from .program import Plugin
from .share import Share

TIMEOUT = 2  # seconds


@pytest.mark.parametrize("operation", ["open", "getlk", "setlk"])
def test_image_is_staged_if_the_share_lets_it_be_opened_after_the_timeout(
    plugin: Plugin, broken: Share, scratch: Path, operation: str
) -> None:
    plugin.set_policy(f"timeout = {TIMEOUT}")
    broken.order("hang", operation)
    run = plugin.start((f"nfs://{broken.mount}/base.qcow2:disk", scratch / "file"))
    time.sleep(1.5 * TIMEOUT)
    broken.order("ok")
    assert run.finish().status == 0
    assert os.listdir(scratch) == ["disk"]


@pytest.mark.parametrize("operation", ["open", "getlk", "setlk"])
def test_share_that_never_lets_it_be_opened_is_given_up_after_twice_the_timeout(
    plugin: Plugin, broken: Share, scratch: Path, operation: str
) -> None:
    plugin.set_policy(f"timeout = {TIMEOUT}")
    broken.order("hang", operation)
    outcome = plugin.stage(f"nfs://{broken.mount}/base.qcow2:disk", scratch)
    assert outcome.has_left_a_process()
    broken.order("ok")
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert outcome.seconds >= 2 * TIMEOUT
    assert "the share answers, but lets a request to open or to lock a file wait" in outcome.error["ErrorString"]
    assert outcome.error["DeveloperData"] == {"Step": "wait"}
    wait_for(lambda: not outcome.has_left_a_process(), "who was given up ends when the request is granted")
    assert os.listdir(scratch) == []


def test_share_that_never_lets_output_be_created_is_given_up_and_the_next_attempt_is_not_in_its_way(
    plugin: Plugin, broken: Share, scratch: Path
) -> None:
    plugin.set_policy(f'timeout = {TIMEOUT}\noutput_dirs = ["{broken.mount}"]')
    (scratch / "result").write_bytes(b"result")
    url, before = f"nfs://{broken.mount}/result", set(os.listdir(broken.source))
    broken.order("hang", "create")
    outcome = plugin.upload(scratch / "result", url)
    assert outcome.seconds >= 2 * TIMEOUT
    assert "the share answers, but lets a request to open or to lock a file wait" in outcome.error["ErrorString"]
    broken.order("ok")
    wait_for(lambda: not outcome.has_left_a_process(), "who was given up ends when the request is granted")
    assert not (broken.source / "result").exists()
    assert plugin.upload(scratch / "result", url).status == 0
    assert set(os.listdir(broken.source)) == before | {"result"}


def test_output_is_uploaded_if_the_share_lets_it_be_created_after_the_timeout(
    plugin: Plugin, broken: Share, scratch: Path
) -> None:
    plugin.set_policy(f'timeout = {TIMEOUT}\noutput_dirs = ["{broken.mount}"]')
    (scratch / "result").write_bytes(b"result")
    broken.order("hang", "create")
    run = plugin.start((f"nfs://{broken.mount}/result", scratch / "result"), upload=True)
    time.sleep(1.5 * TIMEOUT)
    broken.order("ok")
    assert run.finish().status == 0
    assert (broken.source / "result").read_bytes() == b"result"
