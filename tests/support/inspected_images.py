"""What the tests of images have in common: an inspection, and what QEMU itself says of the same file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from condor_kvm_stage.images import image
from condor_kvm_stage.images.image_file import Image
from condor_kvm_stage.policy import load


def inspect(path: Path, own: str = "", insists: bool = False) -> Image:
    job_file = image.JobFile(own) if own else None
    return image.inspect(str(path), load.load().staging, lambda step: None, job_file, insists)


def as_qemu_has_it(path: Path, image_format: str) -> list[dict[str, Any]]:
    """What QEMU says of an image and of each file of its backing chain. CalledProcessError if it does not open one."""
    command = ["qemu-img", "info", "--output=json", "--backing-chain", "-f", image_format, str(path)]
    found: list[dict[str, Any]] = json.loads(
        subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    )
    return found
