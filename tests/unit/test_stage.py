"""Overlays: complete under their name or not there at all, and never in another file's place."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.plugin import qemu_img as qemu_img_module
from condor_kvm_stage.plugin.overlay import OverlayError, stage
from condor_kvm_stage.plugin.qemu_img import QemuImgError
from condor_kvm_stage.plugin.url import StageUrl


def write_raw(path: Path) -> Path:
    path.write_bytes(b"\xeb\xfe" + b"\0" * (1 << 20))
    return path


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_overlay_has_the_base_as_backing_file_with_the_right_format(
    tmp_path: Path, scratch: Path, base: Path, qemu_img: Callable[..., str], image_format: str
) -> None:
    image = base if image_format == "qcow2" else write_raw(tmp_path / "base.raw")
    size = stage(StageUrl(str(image), "disk"), str(scratch))
    info = json.loads(qemu_img("info", "--output=json", scratch / "disk"))
    assert info["format"] == "qcow2"
    assert (info["backing-filename"], info["backing-filename-format"]) == (str(image), image_format)
    assert info["virtual-size"] == json.loads(qemu_img("info", "--output=json", image))["virtual-size"]
    assert size == (scratch / "disk").stat().st_size
    qemu_img("check", scratch / "disk")
    assert [path.name for path in scratch.iterdir()] == ["disk"]


@pytest.mark.parametrize("size", [1 << 20, 1 << 40])
def test_overlay_is_small_whatever_the_size_of_the_image(tmp_path: Path, scratch: Path, size: int) -> None:
    image = write_raw(tmp_path / "base.raw")
    os.truncate(image, size)
    assert stage(StageUrl(str(image), "disk"), str(scratch)) < 1 << 20


def test_colons_and_commas_in_paths_are_no_qemu_syntax(tmp_path: Path, qemu_img: Callable[..., str]) -> None:
    scratch = tmp_path / "json:{},file=x"
    scratch.mkdir()
    image = write_raw(tmp_path / "nbd:x,format=qcow2:y")
    stage(StageUrl(str(image), "disk"), str(scratch))
    assert json.loads(qemu_img("info", "--output=json", f"{scratch}/disk"))["backing-filename"] == str(image)


def test_existing_file_is_not_touched(scratch: Path, base: Path) -> None:
    (scratch / "disk").write_text("the job's own")
    with pytest.raises(OverlayError, match=r"/disk exists already and is not overwritten; choose another name"):
        stage(StageUrl(str(base), "disk"), str(scratch))
    assert (scratch / "disk").read_text() == "the job's own"
    assert [path.name for path in scratch.iterdir()] == ["disk"]


def test_symlink_in_the_overlays_place_is_not_followed(tmp_path: Path, scratch: Path, base: Path) -> None:
    (scratch / "disk").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OverlayError, match="exists already"):
        stage(StageUrl(str(base), "disk"), str(scratch))
    assert not (tmp_path / "elsewhere").exists()


def test_missing_scratch_directory_is_one_message(tmp_path: Path, base: Path) -> None:
    with pytest.raises(QemuImgError, match=r"qemu-img failed \(exit status 1\): .*No such file or directory"):
        stage(StageUrl(str(base), "disk"), str(tmp_path / "none"))


def test_name_that_the_file_system_refuses_is_one_message(scratch: Path, base: Path) -> None:
    with pytest.raises(OverlayError, match="File name too long"):
        stage(StageUrl(str(base), "x" * 300), str(scratch))
    assert list(scratch.iterdir()) == []


def test_failure_of_qemu_img_leaves_no_file(
    scratch: Path, base: Path, fake_program: Callable[[str, str], None]
) -> None:
    fake_program(
        "qemu-img", 'for last; do :; done; echo half > "$last"; echo "qemu-img: $last: No space left" >&2; exit 1'
    )
    with pytest.raises(QemuImgError, match=r"qemu-img failed \(exit status 1\): .*No space left"):
        stage(StageUrl(str(base), "disk"), str(scratch))
    assert list(scratch.iterdir()) == []


def test_messages_of_qemu_img_do_not_depend_on_the_locale(
    scratch: Path, base: Path, fake_program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    fake_program("qemu-img", 'echo "locale $LC_ALL" >&2; exit 1')
    with pytest.raises(QemuImgError, match=r"locale C$"):
        stage(StageUrl(str(base), "disk"), str(scratch))


def test_qemu_img_that_hangs_is_given_up(
    scratch: Path, base: Path, fake_program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program("qemu-img", "exec sleep 60")
    monkeypatch.setattr(qemu_img_module, "DEADLINE", 0.2)
    started = time.monotonic()
    with pytest.raises(QemuImgError, match="did not finish within"):
        stage(StageUrl(str(base), "disk"), str(scratch))
    assert time.monotonic() - started < 30
    assert list(scratch.iterdir()) == []


def test_missing_qemu_img_names_the_package(scratch: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(scratch))
    with pytest.raises(QemuImgError, match="install the package qemu-img"):
        stage(StageUrl(str(base), "disk"), str(scratch))
