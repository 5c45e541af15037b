"""Output files: sparse, whole or not at all, as they were, and never over another file by accident."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.failures import AuthorizationError, ParameterError, SpecificationError
from condor_kvm_stage.plugin import url
from condor_kvm_stage.plugin.upload import upload
from condor_kvm_stage.policy.model import StagingPolicy
from support.uploads import put


def test_output_file_arrives_whole_and_sparse(result: Path, out: Path, allowed: StagingPolicy) -> None:
    assert put(result, f"nfs://{out}/", allowed) == 64 << 20
    assert (out / "result.raw").read_bytes() == result.read_bytes()
    assert (out / "result.raw").stat().st_blocks * 512 < 1 << 20
    assert [path.name for path in out.iterdir()] == ["result.raw"]


def test_output_file_can_have_another_name(result: Path, out: Path, allowed: StagingPolicy) -> None:
    put(result, f"nfs://{out}/other", allowed)
    assert [path.name for path in out.iterdir()] == ["other"]


def test_empty_file_and_file_that_ends_in_a_hole_keep_their_size(
    scratch: Path, out: Path, allowed: StagingPolicy
) -> None:
    for name, size in (("empty", 0), ("hole", 5 << 20)):
        (scratch / name).touch()
        os.truncate(scratch / name, size)
        assert put(scratch / name, f"nfs://{out}/", allowed) == size
        assert (out / name).stat().st_size == size


def test_existing_file_is_overwritten_only_if_the_url_says_so(result: Path, out: Path, allowed: StagingPolicy) -> None:
    (out / "result.raw").write_text("precious")
    with pytest.raises(ParameterError, match="already exists and is not overwritten"):
        put(result, f"nfs://{out}/", allowed)
    assert (out / "result.raw").read_text() == "precious"
    put(result, f"nfs://{out}?overwrite=yes/result.raw", allowed)
    assert (out / "result.raw").read_bytes() == result.read_bytes()
    assert [path.name for path in out.iterdir()] == ["result.raw"]


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o444, 0o644), (0o755, 0o755), (0o6644, 0o644)])
@pytest.mark.parametrize("options", ["", "?overwrite=yes"])
def test_output_file_keeps_its_mode_and_its_owner_can_write_it(
    result: Path, out: Path, allowed: StagingPolicy, mode: int, expected: int, options: str
) -> None:
    result.chmod(mode)
    umask = os.umask(0o022)
    try:
        put(result, f"nfs://{out}/{options}", allowed)
    finally:
        os.umask(umask)
    assert (out / "result.raw").stat().st_mode & 0o7777 == expected


@pytest.mark.parametrize("left", [0, 4096, 3 << 20, 63 << 20])
@pytest.mark.parametrize("turn", [1, 2])
def test_file_that_shrinks_while_it_is_copied_is_an_error_and_not_half_a_result(
    scratch: Path, out: Path, allowed: StagingPolicy, left: int, turn: int
) -> None:
    source = scratch / "growing"
    source.write_bytes(b"x" * (2 << 20))
    with open(source, "r+b") as file:
        file.seek(63 << 20)
        file.write(b"end" * (1 << 20))
    seen: list[str] = []

    def heartbeat(step: str) -> None:
        seen.append(step)
        if seen.count("copy") == 1 + turn:  # the first one is before the file is opened
            os.truncate(source, left)

    with pytest.raises(
        ParameterError, match=r"/growing became shorter while it was copied; stop the program that writes to it"
    ):
        upload(str(source), url.parse_upload(f"nfs://{out}/", source.name), allowed, heartbeat)
    assert list(out.iterdir()) == []


def test_output_that_is_missing_or_no_file_is_one_message(scratch: Path, out: Path, allowed: StagingPolicy) -> None:
    with pytest.raises(SpecificationError, match=r"cannot open the output file .*/none: No such file"):
        put(scratch / "none", f"nfs://{out}/", allowed)
    os.mkfifo(scratch / "fifo")
    for source in (scratch / "fifo", scratch):
        with pytest.raises(ParameterError, match="is not a regular file; name one in transfer_output_files"):
            put(source, f"nfs://{out}/", allowed)
    assert list(out.iterdir()) == []


def test_standalone_flattens_an_overlay(
    base: Path, scratch: Path, out: Path, allowed: StagingPolicy, qemu_img: Callable[..., str]
) -> None:
    overlay = scratch / "disk"
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, overlay)
    put(overlay, f"nfs://{out}/?standalone=yes", allowed)
    assert "backing-filename" not in json.loads(qemu_img("info", "--output=json", out / "disk"))
    assert "identical" in qemu_img("compare", out / "disk", overlay)


def test_standalone_is_refused_for_what_is_no_overlay(result: Path, out: Path, allowed: StagingPolicy) -> None:
    with pytest.raises(ParameterError, match=r"standalone=yes is for qcow2 overlays, but .* is raw; omit it"):
        put(result, f"nfs://{out}/?standalone=yes", allowed)
    assert list(out.iterdir()) == []


def test_guest_that_rewrote_its_overlays_header_gets_no_other_file(
    tmp_path: Path, base: Path, scratch: Path, out: Path, allowed: StagingPolicy, qemu_img: Callable[..., str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret" * 1000)
    overlay = scratch / "disk"
    qemu_img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret, overlay)
    (tmp_path / "images").mkdir()
    allowed.image_dirs = [str(tmp_path / "images")]
    with pytest.raises(AuthorizationError, match="is outside the directories for images"):
        put(overlay, f"nfs://{out}/?standalone=yes", allowed)
    assert list(out.iterdir()) == []
