"""A share that has no locks to give: the job learns it before a guest fails to start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.overlays import write as write_overlay
from support.qemu_writer import qemu_io

from .program import Plugin
from .share import Share


@pytest.mark.parametrize("kind", ["ENOLCK", "ENOTSUP"])
@pytest.mark.parametrize("image", ["base.qcow2", "base.raw", "base.qcow2?mode=copy"])
def test_image_that_cannot_be_locked_is_refused_with_the_reason(
    plugin: Plugin, broken: Share, scratch: Path, kind: str, image: str
) -> None:
    """As on NFS 3 without rpc.statd, which tells who has a lock, and gives none."""
    broken.order(kind, "setlk")
    outcome = plugin.stage(f"nfs://{broken.mount}/{image}:disk", scratch)
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert f"{image.partition('?')[0]} cannot be locked: " in outcome.error["ErrorString"]
    assert "NFS 3 needs rpc.statd" in outcome.error["ErrorString"]
    told = outcome.error["DeveloperData"]
    assert (told["Check"], told["ErrnoName"]) == ("locks", kind)
    assert os.listdir(scratch) == []


def test_backing_file_that_cannot_be_locked_is_refused(
    plugin: Plugin, broken: Share, scratch: Path, tmp_path: Path
) -> None:
    """A derived image on a sound file system, its base on the share."""
    tmp_path.chmod(0o755)
    derived = write_overlay(tmp_path / "derived", broken.mount / "base.qcow2", "qcow2", 64 << 20)
    derived.chmod(0o644)
    broken.order("ENOLCK", "setlk")
    outcome = plugin.stage(f"nfs://{derived}:disk", scratch)
    assert (outcome.status, outcome.error["DeveloperData"]["Check"]) == (69, "locks")
    assert f"backing file {broken.mount}/base.qcow2 of {derived} cannot be locked" in outcome.error["ErrorString"]


@pytest.mark.parametrize("kind", ["EIO", "ESTALE", "ETIMEDOUT"])
def test_share_that_fails_at_a_lock_is_told_as_one_that_fails(
    plugin: Plugin, broken: Share, scratch: Path, kind: str
) -> None:
    broken.order(kind, "setlk")
    outcome = plugin.stage(f"nfs://{broken.mount}/base.qcow2:disk", scratch)
    assert (outcome.status, outcome.error["ErrorType"]) == (69, "Contact")
    assert outcome.error["ErrorString"].startswith(f"cannot lock image {broken.mount}/base.qcow2: ")


@pytest.mark.parametrize("kind", ["ENOLCK", "ENOSYS"])
def test_share_whose_locks_cannot_be_queried_is_used_as_qemu_uses_it(
    plugin: Plugin, broken: Share, scratch: Path, kind: str
) -> None:
    """QEMU takes no locks there (since 6.0)."""
    broken.order(kind, "getlk")
    assert plugin.stage(f"nfs://{broken.mount}/base.qcow2:disk", scratch).status == 0


def test_lock_of_a_client_elsewhere_is_seen_through_the_share(plugin: Plugin, broken: Share, scratch: Path) -> None:
    """The server's own QEMU stands for that of another node."""
    with qemu_io("-f", "qcow2", broken.source / "base.qcow2"):
        outcome = plugin.stage(f"nfs://{broken.mount}/base.qcow2:disk", scratch)
    assert (outcome.status, outcome.error["DeveloperData"]["Check"]) == (69, "in_use")
    assert "in the way in which QEMU locks a disk that it writes to" in outcome.error["ErrorString"]
    assert plugin.stage(f"nfs://{broken.mount}/base.qcow2:disk", scratch).status == 0
