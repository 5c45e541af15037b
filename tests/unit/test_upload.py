"""Output files: where policy allows it, sparse, whole or not at all, and never over another file by accident."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.plugin import url
from condor_kvm_stage.plugin.failure import (
    AuthorizationError,
    ParameterError,
    ResolutionError,
    SpecificationError,
    StageError,
)
from condor_kvm_stage.plugin.upload import upload
from condor_kvm_stage.policy import Policy


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.fixture
def allowed(out: Path) -> Policy:
    """A policy that opens the directory `out`."""
    policy = Policy()
    policy.output_dirs = [str(out)]
    return policy


@pytest.fixture
def result(scratch: Path) -> Path:
    """An output file with data at its beginning and near its end, and a hole of 64 MiB."""
    path = scratch / "result.raw"
    path.write_bytes(b"begin" * 1000)
    os.truncate(path, 64 << 20)
    with open(path, "r+b") as file:
        file.seek((63 << 20) + 5)
        file.write(b"end" * 100)
    return path


def put(source: Path, target: str, policy: Policy) -> int:
    return upload(str(source), url.parse_upload(target, source.name), policy, lambda step: None)


def test_output_file_arrives_whole_and_sparse(result: Path, out: Path, allowed: Policy) -> None:
    assert put(result, f"nfs://{out}/", allowed) == 64 << 20
    assert (out / "result.raw").read_bytes() == result.read_bytes()
    assert (out / "result.raw").stat().st_blocks * 512 < 1 << 20
    assert [path.name for path in out.iterdir()] == ["result.raw"]


def test_output_file_can_have_another_name(result: Path, out: Path, allowed: Policy) -> None:
    put(result, f"nfs://{out}/other", allowed)
    assert [path.name for path in out.iterdir()] == ["other"]


def test_empty_file_and_file_that_ends_in_a_hole_keep_their_size(scratch: Path, out: Path, allowed: Policy) -> None:
    for name, size in (("empty", 0), ("hole", 5 << 20)):
        (scratch / name).touch()
        os.truncate(scratch / name, size)
        assert put(scratch / name, f"nfs://{out}/", allowed) == size
        assert (out / name).stat().st_size == size


def test_existing_file_is_overwritten_only_if_the_url_says_so(result: Path, out: Path, allowed: Policy) -> None:
    (out / "result.raw").write_text("precious")
    with pytest.raises(ParameterError, match="exists already and is not overwritten"):
        put(result, f"nfs://{out}/", allowed)
    assert (out / "result.raw").read_text() == "precious"
    put(result, f"nfs://{out}?overwrite=yes/result.raw", allowed)
    assert (out / "result.raw").read_bytes() == result.read_bytes()
    assert [path.name for path in out.iterdir()] == ["result.raw"]


@pytest.mark.parametrize("place", ["", "sub", "link", "../out2"])
def test_nothing_is_written_outside_of_the_directories_for_output(
    tmp_path: Path, result: Path, out: Path, allowed: Policy, place: str
) -> None:
    (tmp_path / "out2").mkdir()
    (out / "sub").mkdir()
    (out / "link").symlink_to(tmp_path / "out2")
    if place in ("", "sub"):
        put(result, f"nfs://{out}/{place}/", allowed)
        return
    with pytest.raises(
        AuthorizationError, match=r"may not be put into .*/out2 \(allowed: .*/out\); let HTCondor"
    ) as caught:
        put(result, f"nfs://{out}/{place}/", allowed)
    assert caught.value.check == "output_dirs"
    assert list((tmp_path / "out2").iterdir()) == []


def test_by_default_nothing_is_written_anywhere(result: Path, out: Path) -> None:
    with pytest.raises(AuthorizationError, match=r"\(allowed: none\); .* to add that directory to output_dirs in "):
        put(result, f"nfs://{out}/", Policy())


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("nfs://{out}/none/", SpecificationError, "cannot write into .*/none: No such file or directory"),
        ("nfs://{out}/file/x", SpecificationError, "/file: it is not a directory; correct the URL"),
        ("nfs://filer/export/", ResolutionError, "no NFS mount"),
    ],
)
def test_place_that_is_none_is_one_message(
    result: Path, out: Path, allowed: Policy, target: str, kind: type[StageError], message: str
) -> None:
    (out / "file").touch()
    with pytest.raises(kind, match=message):
        put(result, target.format(out=out), allowed)


def test_output_that_is_missing_or_no_file_is_one_message(scratch: Path, out: Path, allowed: Policy) -> None:
    with pytest.raises(SpecificationError, match=r"cannot open the output file .*/none: No such file"):
        put(scratch / "none", f"nfs://{out}/", allowed)
    os.mkfifo(scratch / "fifo")
    for source in (scratch / "fifo", scratch):
        with pytest.raises(ParameterError, match="is not a regular file; name one in transfer_output_files"):
            put(source, f"nfs://{out}/", allowed)
    assert list(out.iterdir()) == []


def test_standalone_flattens_an_overlay(
    base: Path, scratch: Path, out: Path, allowed: Policy, qemu_img: Callable[..., str]
) -> None:
    overlay = scratch / "disk"
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, overlay)
    put(overlay, f"nfs://{out}/?standalone=yes", allowed)
    assert "backing-filename" not in json.loads(qemu_img("info", "--output=json", out / "disk"))
    assert "identical" in qemu_img("compare", out / "disk", overlay)


def test_standalone_is_refused_for_what_is_no_overlay(result: Path, out: Path, allowed: Policy) -> None:
    with pytest.raises(ParameterError, match=r"standalone=yes is for qcow2 overlays, but .* is raw; leave it out"):
        put(result, f"nfs://{out}/?standalone=yes", allowed)
    assert list(out.iterdir()) == []


def test_guest_that_rewrote_its_overlays_header_gets_no_other_file(
    tmp_path: Path, base: Path, scratch: Path, out: Path, allowed: Policy, qemu_img: Callable[..., str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret" * 1000)
    overlay = scratch / "disk"
    qemu_img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret, overlay)
    (tmp_path / "images").mkdir()
    allowed.image_dirs = [str(tmp_path / "images")]
    with pytest.raises(AuthorizationError, match="lies outside of the directories for images"):
        put(overlay, f"nfs://{out}/?standalone=yes", allowed)
    assert list(out.iterdir()) == []
