"""The property of each accepted image: QEMU opens it as a guest does, at little cost, and reads what it should."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from condor_kvm_stage.failures import StageError
from condor_kvm_stage.images import image
from condor_kvm_stage.policy.model import StagingPolicy

from .generated_images import SECTOR, Mutant, Sound
from .qemu_oracle import Oracle

SECONDS, MEMORY = 1, 64 << 20  # of processor time, and bytes
ACCEPTED = "accepted"
_NO_ZSTD = "unknown compression type: 1"  # of a QEMU that was built without it


class Place:
    """A directory, and the QEMU that sees it as `seen_as`."""

    def __init__(self, directory: Path, oracle: Oracle, seen_as: str = "") -> None:
        self.path = directory / "image"
        self.oracle = oracle
        self.name = f"{seen_as or directory}/image"


def judge(sound: Sound, places: Iterable[Place], *, writable: bool) -> str:
    """Return the check that refuses an image, or ACCEPTED. AssertionError if that was wrong."""
    is_sound = not isinstance(sound, Mutant) or sound.is_sound
    verdict = ""
    for place in places:
        place.path.unlink(missing_ok=True)
        sound.write(place.path)
        place.path.chmod(0o644)
        try:
            job_file = image.JobFile("the disk", is_written=writable)
            found = image.inspect(str(place.path), StagingPolicy(), lambda step: None, job_file)
        except StageError as error:
            assert not is_sound, error
            verdict = error.check or type(error).__name__
            continue
        if found.unverified:  # qemu_img.try_to_open()
            fault = place.oracle.try_to_open(place.name, found.format, writable=False).fault
            if fault:
                assert not is_sound or _NO_ZSTD in fault, fault
                verdict = "QEMU"
                continue
        content = sound.content if is_sound or _is_complete(sound) else ()
        opened = place.oracle.try_to_open(place.name, found.format, writable=writable, content=content)
        how = f"{sound.name}, {'read-write' if writable else 'read-only'}: {opened}"
        assert not opened.fault, how
        assert not opened.wrong, how
        assert opened.memory <= MEMORY, how
        assert opened.processor <= SECONDS, how
        verdict = ACCEPTED
    return verdict


def _is_complete(sound: Sound) -> bool:
    """Return whether an image that was cut and accepted must have all of its content.

    How much of its last sector compressed data fill nobody can know who does not unpack them.
    """
    return (
        isinstance(sound, Mutant) and sound.kind == "cut" and not ("compressed" in sound.name and sound.lost < SECTOR)
    )
