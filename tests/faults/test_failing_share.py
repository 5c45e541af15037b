"""A share that answers with errors: the job learns which, that it is the share's fault, and no file is left."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .program import Plugin
from .share import Share

# kind of fault → what the message says of it
WORDS = {
    "EIO": "Input/output error; the share has a fault on ",
    "ESTALE": "Stale file handle: the share has gone stale on ",
    "ETIMEDOUT": "Connection timed out; the share has a fault on ",
    "ENOTCONN": "Transport endpoint is not connected; the share has a fault on ",
}


@pytest.mark.parametrize("kind", ["EIO", "ESTALE", "ETIMEDOUT"])
@pytest.mark.parametrize(
    ("operation", "allowance", "image", "step"),
    [
        pytest.param("all", 0, "base.qcow2", "inspect", id="at-the-first-access"),
        pytest.param("read", 0, "base.qcow2", "inspect", id="at-the-header"),
        pytest.param("flush", 0, "base.qcow2", "inspect", id="at-close"),
        pytest.param("open", 1, "base.qcow2?mode=copy", "create", id="when-qemu-img-opens-it"),
        pytest.param("open", 1, "base.raw?mode=copy", "create", id="when-qemu-img-opens-a-raw-one"),
        pytest.param("read", 100_000, "base.qcow2?mode=copy", "create", id="when-qemu-img-reads-it"),
        pytest.param("read", 4_000_000, "base.raw?mode=copy", "create", id="half-way-in-a-copy"),
    ],
)
def test_error_of_the_share_is_told_as_such(
    plugin: Plugin, broken: Share, scratch: Path, kind: str, operation: str, allowance: int, image: str, step: str
) -> None:
    broken.order(kind, operation, allowance)
    outcome = plugin.stage(f"nfs://{broken.mount}/{image}:disk", scratch)
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert WORDS[kind] in outcome.error["ErrorString"]
    assert f"{broken.mount}/{image.partition('?')[0]}" in outcome.error["ErrorString"]
    told = outcome.error["DeveloperData"]
    assert (told["ErrnoName"], told["Step"]) == (kind, step)
    assert os.listdir(scratch) == []


def test_dead_share_is_told_as_such(plugin: Plugin, mortal: Share, scratch: Path) -> None:
    mortal.die()
    outcome = plugin.stage(f"nfs://{mortal.mount}/base.qcow2:disk", scratch)
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert WORDS["ENOTCONN"] in outcome.error["ErrorString"]
    assert os.listdir(scratch) == []


def test_share_that_dies_while_it_is_read_is_told_as_such(plugin: Plugin, mortal: Share, scratch: Path) -> None:
    mortal.order("hang", "read")
    run = plugin.start((f"nfs://{mortal.mount}/base.qcow2:disk", scratch / "file"))
    time.sleep(0.5)
    mortal.die()
    outcome = run.finish()
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert outcome.error["ErrorString"].startswith(f"cannot read image {mortal.mount}/base.qcow2: ")
    assert os.listdir(scratch) == []
