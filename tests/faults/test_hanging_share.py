"""A share that does not answer: the job learns it in time, and nothing happens later, whoever still hangs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from support.processes import wait_for

from .images import make_qcow2
from .program import TIMEOUT_AFTER_SILENCE, Plugin
from .share import Share


@pytest.mark.parametrize(
    ("operation", "allowance", "image", "step"),
    [
        pytest.param("all", 0, "base.qcow2", "inspect", id="before-the-first-access"),
        pytest.param("read", 0, "base.qcow2", "inspect", id="at-the-header"),
        pytest.param("open", 1, "base.qcow2?mode=copy", "create", id="when-qemu-img-opens-it"),
        pytest.param("read", 100_000, "base.qcow2?mode=copy", "create", id="when-qemu-img-reads-it"),
        pytest.param("read", 4_000_000, "base.raw?mode=copy", "create", id="half-way-in-a-copy"),
    ],
)
def test_hanging_share_fails_in_time_and_leaves_nothing(
    plugin: Plugin, broken: Share, scratch: Path, operation: str, allowance: int, image: str, step: str
) -> None:
    plugin.set_policy("timeout = 1")
    broken.order("hang", operation, allowance)
    outcome = plugin.stage(f"nfs://{broken.mount}/{image}:disk", scratch)
    # that one is left shows that the plug-in's output was closed although a child of it hangs
    assert outcome.has_left_a_process()
    assert outcome.seconds >= 1
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert re.search("the share does not answer; nothing happened on .* for 1 s;", outcome.error["ErrorString"])
    assert outcome.error["DeveloperData"] == {"Step": step}
    assert os.listdir(scratch) == []
    broken.order("ok")
    wait_for(lambda: not outcome.has_left_a_process(), "who was given up ends when the share answers again")
    assert os.listdir(scratch) == [], "a file came after its failure had been reported"


def test_hanging_share_does_not_hold_up_another_for_long(
    plugin: Plugin, broken: Share, scratch: Path, tmp_path: Path
) -> None:
    make_qcow2(tmp_path / "healthy.qcow2")
    plugin.set_policy("timeout = 3")
    broken.order("hang")
    urls = [f"nfs://{broken.mount}/base.qcow2:{name}" for name in ("first", "second")]
    urls.append(f"nfs://{tmp_path}/healthy.qcow2:third")
    outcome = plugin.start(*((url, scratch / "file") for url in urls)).finish()
    assert [ad["TransferUrl"] for ad in outcome.ads] == urls
    assert [ad["TransferSuccess"] for ad in outcome.ads] == [False, False, True]
    assert outcome.status == 69
    waited = [int(re.findall(r" for (\d+) s", ad["TransferErrorData"][0]["ErrorString"])[0]) for ad in outcome.ads[:2]]
    assert waited == [3, TIMEOUT_AFTER_SILENCE]
    assert os.listdir(scratch) == ["third"]


def test_hanging_share_among_those_allowed_does_not_matter_for_images_of_another(
    plugin: Plugin, broken: Share, scratch: Path, tmp_path: Path
) -> None:
    make_qcow2(tmp_path / "healthy.qcow2")
    plugin.set_policy(f'timeout = 1\nimage_dirs = ["{broken.mount}/images", "{tmp_path}"]')
    broken.order("hang")
    outcome = plugin.stage(f"nfs://{tmp_path}/healthy.qcow2:disk", scratch)
    assert outcome.status == 0, outcome.ads
    assert os.listdir(scratch) == ["disk"]
