"""Image size: an overlay, and a copy, of images from 1 GiB to 1 TiB, which have 1 MiB of data for each GiB."""

from __future__ import annotations

from pathlib import Path

from testnode.run import progress

from . import images, timing, variants
from .results import Goal, Result
from .scene import Scene

SECTION = "Image size (1 MiB of data for each GiB)"
SIZES = {"1 GiB": 1 << 30, "16 GiB": 16 << 30, "256 GiB": 256 << 30, "1 TiB": 1 << 40}
SMALLEST, LARGEST = "1 GiB", "1 TiB"
ROUNDS, COPYING_ROUNDS = 60, 10  # many, because 10 % is little compared with a machine's random variation
OF_SMALLEST = f"the same, of {SMALLEST}"
FLAT = Goal(f"at most 10 % more than of {SMALLEST}", 1.1, OF_SMALLEST)
LITTLE = Goal("less than 1 MiB", (1 << 20) - 1)


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves the largest images, named by name(), on the share."""
    return [result for kind in images.FORMATS for result in _measure(scene, kind)]


def name(kind: str, size: str) -> str:
    """Return the name of an image of a format and of one of SIZES."""
    return f"sparse-{size.replace(' ', '')}.{kind}"


def case(kind: str, size: str) -> str:
    """Return the name of the case that compares an overlay with a copy."""
    return f"{kind} image of {size}, beside a copy"


def write(directory: Path, kind: str, size: str) -> None:
    """Make the image of a format and of one of SIZES."""
    images.write(directory / name(kind, size), SIZES[size], SIZES[size] >> 10)


def _measure(scene: Scene, kind: str) -> list[Result]:
    progress(f"image size, {kind}: making the images")
    for size in SIZES:
        write(scene.share, kind, size)
    progress(f"image size, {kind}: overlays")
    overlays = {size: variants.plugin(name(kind, size)) for size in SIZES}
    taken = timing.measure(scene.worker, overlays, ROUNDS)
    seconds = {size: [sample.seconds for sample in samples] for size, samples in taken.items()}
    results = [
        Result(
            SECTION,
            f"{kind} image of {size}",
            "s",
            {variants.PLUGIN: seconds[size], OF_SMALLEST: seconds[SMALLEST]},
            [FLAT],
        )
        for size in SIZES
        if size != SMALLEST
    ]
    copied = {}
    for size in SIZES:
        progress(f"image size, {kind}: beside copies of {size}")
        beside = {variants.PLUGIN: variants.plugin(name(kind, size)), variants.COPY: variants.copy(name(kind, size))}
        copied[size] = timing.measure(scene.worker, beside, COPYING_ROUNDS)
        samples = {what: [sample.seconds for sample in found] for what, found in copied[size].items()}
        results.append(Result(SECTION, case(kind, size), "s", samples))
        if size != LARGEST:
            (scene.share / name(kind, size)).unlink()
    written = {
        what: [max(copied[size][what][number].written for size in SIZES) for number in range(COPYING_ROUNDS)]
        for what in (variants.PLUGIN, variants.COPY)
    }
    results.append(Result(SECTION, f"{kind} image, written for the size with most", "bytes", written, [LITTLE]))
    return results
