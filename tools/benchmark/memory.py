"""Memory: the peak of a plug-in's largest process, in the cases of the other sections."""

from __future__ import annotations

from collections.abc import Mapping

from testnode.run import progress

from . import image_size, images, many_disks, one_disk, share, timing, variants
from .image_size import LARGEST, name
from .results import Goal, Result
from .scene import Scene, image_dirs

SECTION = "Memory (peak of the largest process)"
ROUNDS = 5
GOAL = Goal("at most 24 MiB", 24 << 10)


def measure(scene: Scene) -> list[Result]:
    """Return the results, in KiB. Makes the images of the other sections that are not on the share."""
    progress("memory: making the images")
    images.write_many(scene.share, many_disks.COUNTS[-1])
    images.write_chain(scene.share, share.LENGTHS[-1])
    for kind in images.FORMATS:
        one_disk.write(scene.share, kind)
        image_size.write(scene.share, kind, LARGEST)
    progress("memory")
    small, chain = images.many(many_disks.COUNTS[-1]), images.chain(share.LENGTHS[-1])
    single = {
        **{f"{kind} image of 1 GiB": f"image.{kind}" for kind in images.FORMATS},
        **{f"{kind} image of {LARGEST}": name(kind, LARGEST) for kind in images.FORMATS},
        share.case(len(chain)): chain[0],
    }
    cases = {
        case: {
            variants.PLUGIN: variants.plugin(image),
            variants.SEED: variants.seed(image),
            variants.QEMU_IMG: variants.qemu_img(image),
        }
        for case, image in single.items()
    }
    many = {variants.PLUGIN: variants.plugin(*small), variants.SEED: variants.seed(*small)}
    cases[many_disks.case(len(small))] = many
    curl = f"{variants.HTCONDOR_PLUGINS}/{variants.CURL}"
    cases["-classad"] = {variants.PLUGIN: variants.query(variants.PLUGIN_PATH), variants.CURL: variants.query(curl)}
    results = [_measured(scene, case, beside) for case, beside in cases.items()]
    with image_dirs(scene.worker):
        first, *_ = cases
        results.append(_measured(scene, f"{first}, with image_dirs in the policy", cases[first]))
    return results


def _measured(scene: Scene, case: str, beside: Mapping[str, timing.Variant]) -> Result:
    measured = timing.measure(scene.worker, beside, ROUNDS, apart=True)
    peaks = {what: [sample.peak for sample in samples] for what, samples in measured.items()}
    return Result(SECTION, case, "KiB", peaks, [GOAL])
