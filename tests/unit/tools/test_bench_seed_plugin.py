"""The benchmark's bash plug-in does what it is compared by: it makes an overlay that works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import images

pytestmark = pytest.mark.needs_repository

SEED_PLUGIN = Path(images.__file__).parent / "files/seed-plugin"


@pytest.mark.parametrize("kind", images.FORMATS)
def test_it_makes_an_overlay_of_either_format(tmp_path: Path, qemu_img: Callable[..., str], kind: str) -> None:
    image = tmp_path / f"image.{kind}"
    images.write(image, 4 << 20, 1 << 20)
    scratch = tmp_path / "job"
    scratch.mkdir()
    url = f"nfs://{image}:disk.qcow2"
    subprocess.run([SEED_PLUGIN, url, scratch / f"{image.name}:disk.qcow2"], check=True, timeout=30)
    described = json.loads(qemu_img("info", "--output=json", scratch / "disk.qcow2"))
    assert (described["backing-filename"], described["backing-filename-format"]) == (str(image), kind)
    assert described["virtual-size"] == 4 << 20


def test_it_says_what_it_can() -> None:
    said = subprocess.run([SEED_PLUGIN, "-classad"], capture_output=True, text=True, check=True, timeout=30).stdout
    assert 'SupportedMethods = "nfs"\n' in said


def test_images_have_the_data_that_a_case_names(tmp_path: Path) -> None:
    image = tmp_path / "image.raw"
    images.write(image, 64 << 20, 3 << 20)
    assert image.stat().st_size == 64 << 20
    assert image.stat().st_blocks * 512 == 3 << 20


def test_chain_is_one(tmp_path: Path, qemu_img: Callable[..., str]) -> None:
    images.write_chain(tmp_path, 3)
    chain = json.loads(qemu_img("info", "--backing-chain", "--output=json", tmp_path / images.chain(3)[0]))
    assert [Path(one["filename"]).name for one in chain] == images.chain(3)
