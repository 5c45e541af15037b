"""An image that is not there because of how its URL was written: the message says which mistake that is."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.failures import SpecificationError, StageError
from condor_kvm_stage.plugin import url, url_hints
from condor_kvm_stage.text import printable
from support import overlays
from support.staged_disks import names, put


def message(request: str, scratch: Path) -> str:
    with pytest.raises(SpecificationError) as caught:
        put(request, scratch)
    assert names(scratch) == []
    assert str(caught.value).startswith("cannot open image /")
    assert "; or check the path in the submit file, and that the share is mounted on " in str(caught.value)
    assert caught.value.code == errno.ENOENT
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("base.qcow2:d.qcow2:vda:w:qcow2", "base.qcow2:d.qcow2"),
        ("base.qcow2:d.qcow2:vda:w", "base.qcow2:d.qcow2"),
        ("base.qcow2:d.qcow2:vda", "base.qcow2:d.qcow2"),
        ("base.qcow2:d.qcow2:sdaa:rw:raw", "base.qcow2:d.qcow2"),
        ("base.qcow2:vda:w:qcow2", "base.qcow2"),
        ("base.qcow2:hda:r", "base.qcow2"),
        ("base.qcow2:sda", "base.qcow2"),
        ("base:d:vda:w:qcow2", "base:d"),
    ],
)
def test_string_of_vm_disk_is_no_name(scratch: Path, tmp_path: Path, written: str, meant: str) -> None:
    said = message(f"nfs://{tmp_path}/none/{written}", scratch)
    assert "; device, permission and format belong in vm_disk, not in the URL: write " in said
    assert f": write nfs://{tmp_path}/none/{meant}; or" in said


@pytest.mark.parametrize(
    ("written", "name", "escaped"),
    [
        ("a:b.qcow2", "b.qcow2", "a%3Ab.qcow2"),
        ("img-2026-11-27T10:15:00.qcow2", "00.qcow2", "img-2026-11-27T10%3A15%3A00.qcow2"),
        ("virter:work:alma-8", "alma-8", "virter%3Awork%3Aalma-8"),
        ("100%25:x.img", "x.img", "100%25%3Ax.img"),
    ],
)
def test_colon_in_an_images_name_is_an_escape(
    scratch: Path, tmp_path: Path, written: str, name: str, escaped: str
) -> None:
    said = message(f"nfs://{tmp_path}/{written}", scratch)
    assert f"; '{name}', after the last colon, is the disk's name; for an image called " in said
    assert f" write {escaped}:disk.qcow2; or" in said


@pytest.mark.parametrize("escaped", ["a%3Ab.qcow2:d", "a:b.qcow2:d"])
def test_what_the_message_says_works(scratch: Path, tmp_path: Path, base: Path, escaped: str) -> None:
    (tmp_path / "a:b.qcow2").write_bytes(base.read_bytes())
    put(f"nfs://{tmp_path}/{escaped}", scratch)
    assert names(scratch) == ["d"]


def test_image_with_such_a_name_is_staged(scratch: Path, tmp_path: Path, base: Path) -> None:
    """Nothing is refused for how it looks: only what is not there is explained."""
    (tmp_path / "base.qcow2:d.qcow2:vda:w").write_bytes(base.read_bytes())
    put(f"nfs://{tmp_path}/base.qcow2:d.qcow2:vda:w:qcow2", scratch)
    assert names(scratch) == ["qcow2"]


@pytest.mark.parametrize("written", ["bsae.qcow2:disk.qcow2", "bsae.img:disk", "bsae.qcow2", "bsae", "a%3Ab.qcow2:d"])
def test_name_that_is_just_misspelt_is_not_explained_away(scratch: Path, tmp_path: Path, written: str) -> None:
    with pytest.raises(SpecificationError, match="No such file or directory; check the path in the submit file"):
        put(f"nfs://{tmp_path}/{written}", scratch)


def test_missing_backing_file_is_no_mistake_of_the_url(scratch: Path, tmp_path: Path) -> None:
    derived = overlays.write(tmp_path / "derived", tmp_path / "gone.qcow2", "qcow2", 1 << 20)
    with pytest.raises(SpecificationError) as caught:
        put(f"nfs://{derived}:d.qcow2", scratch)
    assert "vm_disk" not in str(caught.value)
    assert "last colon" not in str(caught.value)


def test_semicolon_in_a_path_is_no_end_of_the_reason(scratch: Path, tmp_path: Path) -> None:
    said = message(f"nfs://{tmp_path}/a; b/x:vda", scratch)
    assert said.startswith(f"cannot open image {tmp_path}/a; b/x: No such file or directory; device, permission and ")
    assert f": write nfs://{tmp_path}/a; b/x; or check the path" in said


@given(st.text("abvdw:.?%é\n") | st.text())
def test_whatever_is_not_there_the_message_is_printable(text: str) -> None:
    try:
        wanted = url.parse_stage("nfs:///none/" + text)
    except StageError:
        return
    said = f"cannot open image {printable(wanted.path)}: No such file or directory; check the path"
    found = url_hints.not_found(SpecificationError(said, code=errno.ENOENT), wanted.path, wanted.name)
    assert str(found).isprintable()
    assert found.code == errno.ENOENT
    assert str(found).endswith("check the path")
