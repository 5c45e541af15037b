"""--check on a real worker of images: those of the policy's directories, and one by its URL."""

from __future__ import annotations

import pytest

from e2e.check.verdicts import IMAGE_DIRS, away, check
from testnode import guest, jobs, site
from testnode.node import Node


def test_image_on_a_share_that_hangs_is_a_failure_in_time(own: Node) -> None:
    with site.hanging_share(own):
        result = check(own, f"nfs://{site.HANGING}/base.qcow2:disk.qcow2")
    assert result.status == 1
    assert result.failed == {"images image"}


def test_image_of_each_directory_is_staged(own: Node) -> None:
    with site.policy(own, IMAGE_DIRS):
        own.run("condor-kvm-stage-genconfig --write")
        before = sorted((own.root / "tmp").iterdir())
        result = check(own)
    assert result.levels["images directory"] == "ok"
    assert f"staged {jobs.BASE} as condor" in result.found["images directory"]
    assert sorted((own.root / "tmp").iterdir()) == before, "what was tried is gone"


def test_image_that_only_some_users_may_read_is_no_failure(own: Node) -> None:
    own.run(["chmod", "o-r", jobs.BASE])
    try:
        with site.policy(own, IMAGE_DIRS):
            result = check(own)
    finally:
        own.run(["chmod", "o+r", jobs.BASE])
    assert (result.status, result.levels["images directory"]) == (0, "note")
    assert "has no image that the user condor may read" in result.found["images directory"]


def test_directory_that_is_not_there_is_a_failure(own: Node) -> None:
    with site.policy(own, IMAGE_DIRS), away(own, "/srv/images"):
        result = check(own)
    assert result.status == 1
    assert result.failed == {"images directory"}
    assert "No such file or directory" in result.found["images directory"]


def test_image_is_checked_by_its_url(own: Node) -> None:
    result = check(own, f"nfs://{jobs.BASE}:disk.qcow2")
    assert (result.status, result.levels) == (0, {"images image": "ok"})


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nfs:///srv/images/none.qcow2:disk.qcow2", "none.qcow2"),
        ("nfs:///srv/images/text.qcow2?format=qcow2:disk.qcow2", "text.qcow2"),
        ("https://example.org/disk.qcow2", "https"),
    ],
)
def test_image_that_cannot_be_staged_is_a_failure_with_the_plugins_words(own: Node, url: str, reason: str) -> None:
    (own.root / "srv/images/text.qcow2").write_text("no image\n" * 1000, encoding="ascii")
    try:
        result = check(own, url)
    finally:
        (own.root / "srv/images/text.qcow2").unlink()
    assert (result.status, result.failed) == (1, {"images image"})
    assert "cannot be staged: " in result.found["images image"]
    assert reason in result.found["images image"].partition("cannot be staged: ")[2]


def test_image_outside_the_policys_directories_is_a_failure(own: Node) -> None:
    guest.write_base(own.root / "srv/elsewhere.qcow2", "qcow2")
    with site.policy(own, IMAGE_DIRS):
        result = check(own, "nfs:///srv/elsewhere.qcow2:disk.qcow2")
    assert (result.status, result.failed) == (1, {"images image"})
    assert "/srv/images" in result.found["images image"]
