"""A guest with a real Debian and real cloud-init: the image of tools/guest-image, built once, then cached."""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from pathlib import Path

from . import root
from .run import progress, run

BUILDER = Path(__file__).parents[1] / "guest-image"
RECIPE = BUILDER.with_name("guestimage")
_BUILD_TIME = 1800  # seconds: a minute where nothing else runs


def write_image(path: Path) -> None:
    """Copy the image (qcow2) to a path, readable by all. Builds it if it is not cached. Raises TestNodeError."""
    cached = root.CACHE / f"debian-guest-{digest()}.qcow2"
    root.CACHE.mkdir(parents=True, exist_ok=True)
    with open(root.CACHE / "debian-guest.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cached.exists():
            for outdated in root.CACHE.glob("debian-guest-*"):
                outdated.unlink()
            _build(cached)
        path.parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "--reflink=auto", cached, path], timeout=300)
    path.chmod(0o644)


def write_seed(path: Path, user_data: str, meta_data: str = "") -> None:
    """Make the disk that the guest's cloud-init reads (NoCloud), readable by all: an ISO file system."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "user-data").write_text(user_data, encoding="utf-8")
        (Path(scratch) / "meta-data").write_text(meta_data or "instance-id: job\n", encoding="utf-8")
        run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "CIDATA", "-J", "-r", "-o", path, scratch])
    path.chmod(0o644)


def digest() -> str:
    """Return a name for the recipe: it changes with each of its files."""
    state = hashlib.sha256()
    for path in (BUILDER, *sorted(RECIPE.rglob("*"))):
        if path.is_file():
            state.update(path.relative_to(BUILDER.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()[:16]


def _build(path: Path) -> None:
    progress("building the Debian guest's image")
    # where packages come from, and how they are trusted, is as for the node's root
    options = [f"--aptopt={line}" for line in root._apt_settings()]
    run([BUILDER, "--mirror", root._mirror(), path, *options], timeout=_BUILD_TIME)
