"""Signed repositories for dnf in a node or a tree: tools/make-repo, with a key that is created for this."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import builds
from .node import Node
from .run import run

PLACE = "/srv/repository"
_MAKE_REPO = Path(__file__).parents[1] / "make-repo"
KEY = "condor-kvm-stage test key"  # its name, in each ring


def put_on(node: Node, *more: Path) -> Path:
    """Make a repository of the package in dist/, and more, on the node; tell its dnf. Returns the package's path."""
    package = builds.built()
    with key_ring() as ring:
        put_in(node.root, [package, *more], ring)
    return package


def put_in(root: Path, packages: Sequence[Path], ring: Path) -> Path:
    """Make PLACE, below a root, a repository, signed with the key of a ring, and tell the root's dnf of it.

    Packages that are already there stay. Returns the path of PLACE on this machine.
    """
    repository = root / PLACE.lstrip("/")
    env = {"GNUPGHOME": str(ring), "GPG_KEY": KEY, "REPO_URL": f"file://{PLACE}"}
    run([_MAKE_REPO, repository, *packages], env=env)
    settings = root / "etc/yum.repos.d/condor-kvm-stage.repo"
    settings.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(repository / settings.name, settings)
    return repository


@contextlib.contextmanager
def key_ring() -> Iterator[Path]:
    """Yield a directory with a key ring (GNUPGHOME) that holds one new key, until the context ends."""
    with tempfile.TemporaryDirectory() as ring:
        env = {"GNUPGHOME": ring}
        try:
            generate = ["--quick-generate-key", KEY, "rsa3072", "sign", "1d"]
            run(["gpg", "--batch", "--quiet", "--passphrase", "", *generate], env=env)
            yield Path(ring)
        finally:
            run(["gpgconf", "--kill", "all"], env=env, check=False)
