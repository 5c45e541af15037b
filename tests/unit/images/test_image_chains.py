"""Whatever file of a backing chain QEMU opens, it was inspected too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.failures import AuthorizationError
from condor_kvm_stage.images import image
from condor_kvm_stage.policy import load
from hostile import MIB, put, qcow2
from hostile.case import NOT_GUARDED
from support.inspected_images import as_qemu_has_it, inspect


def chain(directory: Path, qemu_img: Callable[..., str], depth: int, name: Callable[[int], str]) -> Path:
    """Make a chain of depth + 1 files in directories of their own; name(n): how file n - 1 calls file n."""
    put(directory / f"{depth}/image", bytes(MIB))
    for number in range(depth, 0, -1):
        path = directory / f"{number - 1}/image"
        path.parent.mkdir()
        backing_format = "raw" if number == depth else "qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "-u", "-F", backing_format, "-b", name(number), path, "1M")
    return directory / "0/image"


@pytest.fixture(autouse=True)
def _all_must_be_able_to_read(site_policy: Callable[[str], None]) -> None:
    """So that a file which is inspected can be told by its mode."""
    site_policy(NOT_GUARDED)


def assert_that_what_qemu_opens_was_inspected(top: Path) -> None:
    found = inspect(top)
    files = [Path(link["filename"]) for link in as_qemu_has_it(Path(found.path), found.format)]
    for file in files:
        file.chmod(0o640)
        with pytest.raises(AuthorizationError) as caught:
            inspect(top)
        assert caught.value.check == "readable"
        assert f"chmod o+r {file.resolve()}" in str(caught.value)
        file.chmod(0o644)
    inspect(top)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("absolute", [False, True])
def test_each_file_of_a_backing_chain_is_inspected(
    tmp_path: Path, qemu_img: Callable[..., str], depth: int, absolute: bool
) -> None:
    top = chain(tmp_path, qemu_img, depth, lambda n: f"{tmp_path if absolute else '..'}/{n}/image")
    assert len(as_qemu_has_it(top, "qcow2")) == depth + 1
    assert_that_what_qemu_opens_was_inspected(top)


@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("0/link", "../1/image", "link"),
        ("link", "1", "../link/image"),
        ("link", "0", "../link/../1/image"),
        ("0/link", "../deep/directory", "link/../../1/image"),
    ],
)
def test_symlinks_lead_us_where_they_lead_qemu(
    tmp_path: Path, qemu_img: Callable[..., str], link: str, target: str, name: str
) -> None:
    (tmp_path / "deep/directory").mkdir(parents=True)
    top = chain(tmp_path, qemu_img, 2, {1: name, 2: "../2/image"}.__getitem__)
    (tmp_path / link).symlink_to(target)
    assert_that_what_qemu_opens_was_inspected(top)


def test_name_in_a_symlinked_backing_file_is_relative_to_the_symlink_as_for_qemu(tmp_path: Path) -> None:
    put(tmp_path / "deep/base")
    put(tmp_path / "deep/middle", qcow2(backing=b"base", backing_format=b"raw"))
    put(tmp_path / "base")
    (tmp_path / "middle").symlink_to("deep/middle")
    assert_that_what_qemu_opens_was_inspected(put(tmp_path / "image", qcow2(backing=b"middle")))


def test_name_in_a_symlinked_image_is_relative_to_its_target_which_is_what_qemu_gets(tmp_path: Path) -> None:
    put(tmp_path / "deep/base")
    put(tmp_path / "deep/image", qcow2(backing=b"base", backing_format=b"raw"))
    (tmp_path / "image").symlink_to("deep/image")
    assert inspect(tmp_path / "image").path == str(tmp_path / "deep/image")
    assert_that_what_qemu_opens_was_inspected(tmp_path / "image")


def test_each_file_counts_as_progress(tmp_path: Path, qemu_img: Callable[..., str]) -> None:
    top = chain(tmp_path, qemu_img, 3, lambda n: f"../{n}/image")
    steps: list[str] = []
    image.inspect(str(top), load.load().staging, steps.append)
    assert steps == ["inspect", "lock", "inspect"] * 4


def test_limits_include_their_value(
    tmp_path: Path, qemu_img: Callable[..., str], site_policy: Callable[[str], None]
) -> None:
    top = chain(tmp_path, qemu_img, 2, lambda n: f"../{n}/image")
    site_policy('[staging]\nchain_depth = 3\nvirtual_size = "1M"\n')
    assert inspect(top).virtual_size == inspect(tmp_path / "2/image").virtual_size == MIB
