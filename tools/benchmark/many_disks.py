"""Many disks in one job: HTCondor runs our plug-in once, and one for the protocol's first version once for each."""

from __future__ import annotations

from testnode.run import progress

from . import images, timing, variants
from .results import Goal, Result
from .scene import Scene

SECTION = "Many disks in one job"
COUNTS = (1, 4, 16, 64)
ROUNDS = {1: 30, 4: 20, 16: 10, 64: 10}
GOAL = Goal("at least 5 times faster than the bash plug-in", 1 / 5, variants.SEED)


def measure(scene: Scene) -> list[Result]:
    """Return the results. Each disk has another image, so that nothing is cached. Leaves the images there."""
    images.write_many(scene.share, COUNTS[-1])
    names = images.many(COUNTS[-1])
    results = []
    for count in COUNTS:
        progress(f"many disks in one job: {count}")
        beside = {variants.PLUGIN: variants.plugin(*names[:count]), variants.SEED: variants.seed(*names[:count])}
        samples = timing.seconds(scene.worker, beside, ROUNDS[count])
        goals = [GOAL] if count == COUNTS[-1] else []
        results.append(Result(SECTION, case(count), "s", samples, goals))
    return results


def case(count: int) -> str:
    """Return the name of the case with that many disks."""
    return "1 disk" if count == 1 else f"{count} disks of {count} qcow2 images"
