"""A job's own image is inspected as any other, but for its place; and what is found is its whole chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import hostile
from condor_kvm_stage.failures import AuthorizationError, StageError
from condor_kvm_stage.images import image
from condor_kvm_stage.images.image_file import Image
from condor_kvm_stage.policy import load
from hostile import Case, put, qcow2
from hostile.case import NOT_GUARDED
from support.inspected_images import as_qemu_has_it

# What says where an image may lie, and who may read it
PLACE = {"image_dirs", "readable", "searchable"}
CASES = [case for case in hostile.CASES if not case.sparse and (case.check not in PLACE or "backing" in case.name)]


def inspect(path: Path, own: str = "disk a", beside: Path | str = "") -> Image:
    job_file = image.JobFile(own, str(beside)) if own else None
    return image.inspect(str(path), load.load().staging, lambda step: None, job_file)


def chain(found: Image | None) -> list[tuple[str, str]]:
    """The files, and their formats."""
    files = []
    while found:
        files.append((found.path, found.format))
        found = found.backing
    return files


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hostile_image_of_the_jobs_own_is_refused_by_the_same_check(
    case: Case, tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    directory = tmp_path / "images"
    directory.mkdir()
    directory.chmod(0o755)
    if case.policy:
        site_policy(case.policy.replace("DIR", str(directory)))
    with pytest.raises(StageError) as caught:
        inspect(case.build(directory))
    assert caught.value.check == case.check
    assert caught.value.code == case.code or case.check


def test_messages_call_it_what_the_job_calls_it(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"^disk a is empty; "):
        inspect(put(tmp_path / "x", b""))


def test_chain_of_one_file_is_that_file(tmp_path: Path) -> None:
    assert chain(inspect(put(tmp_path / "raw"))) == [(f"{tmp_path}/raw", "raw")]
    assert chain(inspect(put(tmp_path / "image", qcow2()))) == [(f"{tmp_path}/image", "qcow2")]


def test_chain_is_what_qemu_would_open_and_ends_where_it_does(tmp_path: Path) -> None:
    put(tmp_path / "deep/base")
    put(tmp_path / "deep/middle", qcow2(backing=b"base", backing_format=b"raw"))
    (tmp_path / "link").symlink_to("deep")
    top = put(tmp_path / "top", qcow2(backing=b"link/middle"))
    opened = [(str(Path(file["filename"]).resolve()), file["format"]) for file in as_qemu_has_it(top, "qcow2")]
    assert len(opened) == 3
    for own in ("disk a", ""):
        assert chain(inspect(top, own)) == opened


@pytest.mark.parametrize("name", ["base", "./base", "../images/base", "link/../base"])
def test_relative_name_counts_from_the_directory_in_which_the_job_had_it(tmp_path: Path, name: str) -> None:
    """As QEMU would have it there."""
    put(tmp_path / "images/base")
    (tmp_path / "images/deep").mkdir()
    (tmp_path / "images/link").symlink_to("deep")
    content = qcow2(backing=name.encode(), backing_format=b"raw")
    there, here = put(tmp_path / "images/disk", content), put(tmp_path / "shelter/disk", content)
    expected = [str(Path(file["filename"]).resolve()) for file in as_qemu_has_it(there, "qcow2")]
    assert [path for path, _ in chain(inspect(there))] == expected
    assert [path for path, _ in chain(inspect(here, beside=tmp_path / "images"))] == [str(here), *expected[1:]]


def test_only_the_name_in_the_image_itself_counts_from_there(tmp_path: Path) -> None:
    put(tmp_path / "deep/base")
    put(tmp_path / "deep/middle", qcow2(backing=b"base", backing_format=b"raw"))
    put(tmp_path / "base", b"another")
    top = put(tmp_path / "shelter/disk", qcow2(backing=b"deep/middle"))
    assert [path for path, _ in chain(inspect(top, beside=tmp_path))][1:] == [
        f"{tmp_path}/deep/middle",
        f"{tmp_path}/deep/base",
    ]


def test_file_of_the_jobs_own_is_only_the_first_one(tmp_path: Path, site_policy: Callable[[str], None]) -> None:
    base = put(tmp_path / "base")
    top = put(tmp_path / "scratch/disk", qcow2(backing=b"../base", backing_format=b"raw"))
    top.chmod(0o600)
    site_policy(f'[staging]\nimage_dirs = ["{tmp_path}/base"]\n')
    with pytest.raises(AuthorizationError) as caught:
        inspect(top, beside=tmp_path / "scratch")
    assert caught.value.check == "image_dirs"
    site_policy(NOT_GUARDED)
    base.chmod(0o640)
    with pytest.raises(AuthorizationError) as caught:
        inspect(top, beside=tmp_path / "scratch")
    assert caught.value.check == "readable"


def test_image_that_is_not_the_jobs_own_must_be_where_policy_says(
    tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    path = put(tmp_path / "image")
    site_policy('[staging]\nimage_dirs = ["/nonexistent"]\n')
    assert inspect(path).path == str(path)
    with pytest.raises(AuthorizationError, match=f"image {path} is outside the directories for images"):
        inspect(path, own="")
