"""One disk, of a raw and of a qcow2 image, also with a policy that lists image directories."""

from __future__ import annotations

from pathlib import Path

from testnode.node import Node
from testnode.run import progress

from . import images, timing, variants
from .results import Goal, Result
from .scene import Scene, image_dirs

SECTION = "One disk"
SIZE, DATA = 1 << 30, 256 << 20
SHOWN = "image of 1 GiB, 256 MiB of them data"
ROUNDS, COPYING_ROUNDS = 30, 10
GOAL = Goal("at most 1.5 times the bash plug-in", 1.5, variants.SEED)


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves the images, image.raw and image.qcow2, on the share."""
    results = []
    for kind in images.FORMATS:
        image = f"image.{kind}"
        progress(f"one disk, {kind}: making the image")
        write(scene.share, kind)
        results.append(_beside_overlays(scene.worker, image, f"{kind} {SHOWN}"))
        progress(f"one disk, {kind}: beside copies")
        # in separate rounds: a copy evicts everything else from the processor's caches
        beside = {
            variants.PLUGIN: variants.plugin(image),
            variants.CURL: variants.curl(image),
            variants.COPY: variants.copy(image),
        }
        samples = timing.seconds(scene.worker, beside, COPYING_ROUNDS)
        results.append(Result(SECTION, f"{kind} {SHOWN}, beside copies", "s", samples))
    with image_dirs(scene.worker):
        results.append(_beside_overlays(scene.worker, "image.qcow2", f"qcow2 {SHOWN}, with image_dirs in the policy"))
    return results


def write(directory: Path, kind: str) -> None:
    """Make the image of a format."""
    images.write(directory / f"image.{kind}", SIZE, DATA)


def _beside_overlays(worker: Node, image: str, case: str) -> Result:
    progress(f"one disk, {case}")
    beside = {
        variants.PLUGIN: variants.plugin(image),
        variants.SEED: variants.seed(image),
        variants.QEMU_IMG: variants.qemu_img(image),
    }
    return Result(SECTION, case, "s", timing.seconds(worker, beside, ROUNDS), [GOAL])
