"""An output file on its way to a share that breaks: it is there complete, or not at all, and the job learns why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .images import pack
from .program import NOBODY, Plugin
from .share import Share, wait_for

BEFORE = ["base.qcow2", "base.raw"]
CONTENT = b"y" * (4 << 20)
FAILURE_TYPES = {"ENOSPC": "NoSpace", "EDQUOT": "Quota"}


@pytest.fixture
def output(scratch: Path) -> Path:
    """A file of the job that is to be uploaded."""
    path = scratch / "output"
    path.write_bytes(CONTENT)
    os.chown(path, NOBODY, NOBODY)
    return path


@pytest.fixture
def url(plugin: Plugin, broken: Share) -> str:
    """Where policy allows output."""
    plugin.set_policy(f'timeout = 1\noutput_dirs = ["{broken.mount}"]')
    return f"nfs://{broken.mount}/"


@pytest.mark.parametrize("kind", ["ENOSPC", "EDQUOT"])
@pytest.mark.parametrize(
    ("operation", "allowance"), [("create", 0), ("write", 1 << 20), ("flush", 0), ("flush", 1), ("fsync", 0)]
)
def test_full_share_is_told_as_such_and_keeps_no_part_of_the_file(
    plugin: Plugin, broken: Share, output: Path, url: str, kind: str, operation: str, allowance: int
) -> None:
    broken.order(kind, operation, allowance)
    outcome = plugin.upload(output, url)
    error = outcome.error
    assert (outcome.status, error["ErrorType"], error["FailureType"]) == (74, "Transfer", FAILURE_TYPES[kind])
    assert error["DeveloperData"]["ErrnoName"] == kind
    assert f"cannot write {broken.mount}/output: " in error["ErrorString"]
    assert "request_disk" not in error["ErrorString"], "more scratch space would not help"
    assert sorted(os.listdir(broken.source)) == BEFORE


def test_full_share_keeps_no_part_of_a_standalone_image(
    plugin: Plugin, broken: Share, output: Path, url: str, scratch: Path
) -> None:
    image = scratch / "image"
    pack(output, image)
    os.chown(image, NOBODY, NOBODY)
    broken.order("ENOSPC", "write", 1 << 20)
    outcome = plugin.upload(image, f"{url}image?standalone=yes")
    error = outcome.error
    assert (outcome.status, error["ErrorType"], error["FailureType"]) == (74, "Transfer", "NoSpace")
    assert error["ErrorString"].startswith(f"cannot write {broken.mount}/image: No space left on device; ")
    assert "request_disk" not in error["ErrorString"], "more scratch space would not help"
    assert sorted(os.listdir(broken.source)) == BEFORE


def test_file_that_a_failed_upload_would_have_replaced_stays(
    plugin: Plugin, broken: Share, output: Path, url: str
) -> None:
    (broken.source / "output").write_text("before")
    broken.order("ENOSPC", "write", 1 << 20)
    assert plugin.upload(output, f"{url}output?overwrite=yes").status == 74
    assert (broken.source / "output").read_text() == "before"
    assert sorted(os.listdir(broken.source)) == [*BEFORE, "output"]


@pytest.mark.parametrize("operation", ["all", "create", "write", "fsync"])
def test_share_that_hangs_in_an_upload_fails_in_time_and_the_next_attempt_is_not_in_its_way(
    plugin: Plugin, broken: Share, output: Path, url: str, operation: str
) -> None:
    broken.order("hang", operation)
    outcome = plugin.upload(output, url)
    assert outcome.has_left_a_process()
    assert 1 <= outcome.seconds < 3
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert "the share does not answer; nothing happened" in outcome.error["ErrorString"]
    broken.order("ok")
    wait_for(lambda: not outcome.has_left_a_process(), "who was given up ends when the share answers again")
    assert not (broken.source / "output").exists()
    again = plugin.upload(output, url)
    assert again.status == 0, again.ads
    assert sorted(os.listdir(broken.source)) == [*BEFORE, "output"]
    assert (broken.source / "output").read_bytes() == CONTENT
