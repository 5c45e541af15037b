"""An output file on its way to a share that breaks: it is there complete, or not at all, and the job learns why."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import pytest

from support.processes import NOBODY, wait_for

from .images import pack
from .program import Outcome, Plugin
from .share import Share

BEFORE = ["base.qcow2", "base.raw"]
# kind of fault → exit status, ErrorType, FailureType
MEANINGS = {
    "EIO": (69, "Contact", None),
    "ESTALE": (69, "Contact", None),
    "ETIMEDOUT": (69, "Contact", None),
    "EROFS": (74, "Transfer", "Unknown"),
    "ENOSPC": (74, "Transfer", "NoSpace"),
    "EDQUOT": (74, "Transfer", "Quota"),
    "EACCES": (77, "Authorization", "Authorization"),
}


def assert_told(outcome: Outcome, kind: str, target: Path) -> None:
    """Fail unless the job learns what is wrong with the file that it wants, and no more than it can understand."""
    error = outcome.error
    status, error_type, failure_type = MEANINGS[kind]
    assert (outcome.status, error["ErrorType"], error.get("FailureType")) == (status, error_type, failure_type)
    assert error["DeveloperData"]["ErrnoName"] == kind
    words = os.strerror(getattr(errno, kind))
    assert error["ErrorString"].startswith(f"cannot write {target}: {words}; ")
    assert f"the directory {target.parent} on " in error["ErrorString"]
    assert "request_disk" not in error["ErrorString"], "more scratch space would not help"
    everything = json.dumps(outcome.ads)
    assert ".vm-nfs-plugin" not in everything, "a name that means nothing to the job"
    assert "/proc/" not in everything, "a path that means nothing to the job"


@pytest.mark.parametrize("kind", MEANINGS)
@pytest.mark.parametrize(("operation", "allowance"), [("create", 0), ("write", 1 << 20), ("fsync", 0), ("link", 0)])
def test_share_that_fails_is_told_as_such_and_keeps_no_part_of_the_file(
    plugin: Plugin, broken: Share, output: Path, url: str, kind: str, operation: str, allowance: int
) -> None:
    broken.order(kind, operation, allowance)
    assert_told(plugin.upload(output, url), kind, broken.mount / "output")
    assert sorted(os.listdir(broken.source)) == BEFORE


@pytest.mark.parametrize("kind", MEANINGS)
def test_file_that_a_failed_upload_would_have_replaced_stays(
    plugin: Plugin, broken: Share, output: Path, url: str, kind: str
) -> None:
    (broken.source / "output").write_text("before")
    broken.order(kind, "rename")
    assert_told(plugin.upload(output, f"{url}output?overwrite=yes"), kind, broken.mount / "output")
    assert (broken.source / "output").read_text() == "before"
    assert sorted(os.listdir(broken.source)) == [*BEFORE, "output"]


@pytest.mark.parametrize("kind", MEANINGS)
@pytest.mark.parametrize(("operation", "allowance"), [("open", 0), ("write", 1 << 20), ("fsync", 0), ("flush", 0)])
def test_share_that_fails_is_told_as_such_and_keeps_no_part_of_a_standalone_image(
    plugin: Plugin, broken: Share, output: Path, url: str, scratch: Path, kind: str, operation: str, allowance: int
) -> None:
    image = scratch / "image"
    pack(output, image)
    os.chown(image, NOBODY, NOBODY)
    broken.order(kind, operation, allowance)
    assert_told(plugin.upload(image, f"{url}image?standalone=yes"), kind, broken.mount / "image")
    assert sorted(os.listdir(broken.source)) == BEFORE


@pytest.mark.parametrize("kind", ["EIO", "ENOSPC"])
def test_error_at_the_very_last_close_is_none_because_everything_was_synced_before(
    plugin: Plugin, broken: Share, output: Path, url: str, kind: str
) -> None:
    broken.order(kind, "flush")
    outcome = plugin.upload(output, url)
    assert outcome.status == 0, outcome.ads
    assert sorted(os.listdir(broken.source)) == [*BEFORE, "output"]
    assert (broken.source / "output").read_bytes() == output.read_bytes()


def test_temporary_file_that_cannot_be_removed_is_no_failure(
    plugin: Plugin, broken: Share, output: Path, url: str
) -> None:
    broken.order("EIO", "unlink")
    outcome = plugin.upload(output, url)
    assert outcome.status == 0, outcome.ads
    assert (broken.source / "output").read_bytes() == output.read_bytes()
    assert len(os.listdir(broken.source)) == len(BEFORE) + 2, "the temporary file was removed: the test showed nothing"


@pytest.mark.parametrize(("option", "status"), [("", 64), ("?overwrite=yes", 0)])
def test_temporary_file_that_stayed_beside_the_complete_one_is_gone_after_the_next_attempt(
    plugin: Plugin, broken: Share, output: Path, url: str, option: str, status: int
) -> None:
    broken.order("EIO", "unlink")
    assert plugin.upload(output, url).status == 0
    broken.order("ok")
    assert plugin.upload(output, f"{url}output{option}").status == status
    assert sorted(os.listdir(broken.source)) == [*BEFORE, "output"]


@pytest.mark.parametrize("operation", ["all", "write", "fsync"])
def test_share_that_hangs_in_an_upload_fails_in_time_and_the_next_attempt_is_not_in_its_way(
    plugin: Plugin, broken: Share, output: Path, url: str, operation: str
) -> None:
    broken.order("hang", operation)
    outcome = plugin.upload(output, url)
    assert outcome.has_left_a_process()
    assert outcome.seconds >= 1
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert re.search("the share does not answer; nothing happened on .* for 1 s;", outcome.error["ErrorString"])
    broken.order("ok")
    wait_for(lambda: not outcome.has_left_a_process(), "who was given up ends when the share answers again")
    assert not (broken.source / "output").exists()
    again = plugin.upload(output, url)
    assert again.status == 0, again.ads
    assert sorted(os.listdir(broken.source)) == [*BEFORE, "output"]
    assert (broken.source / "output").read_bytes() == output.read_bytes()
