"""A sample of what fuzz/images.py tries: images of every qcow2 subformat and mutants of them, QEMU being the oracle."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from support import generated_images, judged_images
from support.generated_images import Sound
from support.judged_images import ACCEPTED, Place
from support.qemu_oracle import Oracle

MUTANTS = 250
ZSTD = "compression_type=zstd"
READ_WRITE = pytest.mark.parametrize("writable", [True, False], ids=["read-write", "read-only"])


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A place in memory: QEMU syncs an image when it closes it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def has_zstd(directory: Path) -> bool:
    """Return whether qemu-img knows it: some distributions build theirs without."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", ZSTD, str(directory / "zstd.qcow2"), "1M"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 or "Invalid parameter 'zstd'" in result.stderr
    return result.returncode == 0


@pytest.fixture(scope="module")
def sounds(directory: Path) -> list[Sound]:
    makers = generated_images.qcow2_makers(Random(16), 10)
    made = [make(directory) for make in makers if ZSTD not in make.options or has_zstd(directory)]
    for base in directory.iterdir():
        base.chmod(0o644)
    return made


@pytest.fixture(scope="module")
def place(directory: Path) -> Iterator[Place]:
    with Oracle() as oracle:
        yield Place(directory, oracle)


@READ_WRITE
def test_each_sound_image_is_accepted_and_read(sounds: list[Sound], place: Place, writable: bool) -> None:
    assert {judged_images.judge(sound, [place], writable=writable) for sound in sounds} == {ACCEPTED}


@READ_WRITE
def test_qemu_opens_each_mutant_that_is_accepted(sounds: list[Sound], place: Place, writable: bool) -> None:
    source = Random(17)
    verdicts = Counter[str]()
    for _ in range(MUTANTS):
        mutant = generated_images.mutate(source.choice(sounds), source)
        verdicts[judged_images.judge(mutant, [place], writable=writable)] += 1
    assert MUTANTS / 5 < verdicts[ACCEPTED] < MUTANTS * 4 / 5
    assert {"truncated", "l1_table", "refcount_table", "cluster_size"} < set(verdicts)
