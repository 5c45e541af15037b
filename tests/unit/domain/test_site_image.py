"""An image is the site's if only root can have closed it: what a user can change says nothing of the node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.domain import site_image
from support.processes import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user's")


@pytest.fixture
def image() -> Iterator[Path]:
    """An image below directories of root's: not in /tmp, where everybody may write."""
    directory = Path(f"/run/condor-kvm-stage-test-{os.getpid()}")
    (directory / "images").mkdir(parents=True)
    path = directory / "images/base.qcow2"
    path.write_bytes(b"x")
    yield path
    for name in (path, directory / "images/link"):
        name.unlink(missing_ok=True)
    (directory / "images").rmdir()
    directory.rmdir()


def belongs(image: Path, directory: Path | None = None) -> bool:
    return site_image.belongs(str(image), [str(directory or image.parent)])


def test_image_of_roots_in_an_image_directory_is_the_sites(image: Path) -> None:
    assert belongs(image)
    assert belongs(image, image.parent.parent)


def test_image_elsewhere_is_not(image: Path) -> None:
    assert not belongs(image, Path("/srv/other"))
    assert not site_image.belongs(str(image), [])


def test_image_that_is_gone_is_not(image: Path) -> None:
    assert not belongs(image.with_name("none"))


@pytest.mark.parametrize("place", ["images/base.qcow2", "images", "."])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_what_others_may_write_to_is_not(image: Path, place: str, mode: int) -> None:
    (image.parent.parent / place).chmod(mode)
    assert not belongs(image)


@pytest.mark.parametrize("place", ["images/base.qcow2", "images", "."])
def test_what_a_user_owns_is_not(image: Path, place: str) -> None:
    os.chown(image.parent.parent / place, NOBODY, NOBODY)
    assert not belongs(image)


def test_symlink_is_not(image: Path) -> None:
    (image.parent / "link").symlink_to(image)
    assert not belongs(image.parent / "link")
