"""The environment: one worker node with the package, a share and a scratch directory on this machine's disk."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testnode import node, pool, recipe, site, stages
from testnode.run import TestNodeError, progress

SHARE = "/srv/images"
SCRATCH = "/srv/scratch"
_DISK = Path("/var/tmp")  # usually on a disk; /tmp is often in memory
_NEEDED = 45  # GiB, mostly for the copies of eight jobs at once
SEED_PLUGIN = f"{SCRATCH}/seed-plugin"
_SEED_PLUGIN = Path(__file__).parent / "files/seed-plugin"


@dataclass(frozen=True)
class Scene:
    """A node without the package, and its share."""

    bare: stages.Bare
    share: Path  # the directory on this machine that the node has at SHARE

    @property
    def worker(self) -> node.Node:
        return self.bare.node


@contextlib.contextmanager
def prepared() -> Iterator[Scene]:
    """Boot a node, and yield it. Its share and its scratch directory are removed when the context ends."""
    free = shutil.disk_usage(_DISK).free >> 30
    if free < _NEEDED:
        raise TestNodeError(f"{_DISK} has {free} GiB free; {_NEEDED} are needed")
    with tempfile.TemporaryDirectory(prefix="condor-kvm-stage-bench-", dir=_DISK) as place:
        share, scratch = Path(place) / "share", Path(place) / "scratch"
        for directory in (share, scratch):
            directory.mkdir()
        with node.running(binds={share: SHARE, scratch: SCRATCH}) as worker:
            worker.run(["chown", recipe.USER, SCRATCH])
            worker.run(["chmod", "755", SHARE, SCRATCH])
            shutil.copy(_SEED_PLUGIN, scratch)
            yield Scene(stages.make_bare(worker), share)


@contextlib.contextmanager
def without_htcondor(worker: node.Node) -> Iterator[None]:
    """Stop HTCondor, whose daemons would disturb the measurements, until the context ends.

    After a failure it stays stopped, and the policy below stays, too: the node ends then.
    """
    worker.run("systemctl stop condor")
    yield
    worker.run("systemctl start condor")
    progress("waiting for HTCondor")
    pool.wait_for_slot(worker)


@contextlib.contextmanager
def image_dirs(worker: node.Node) -> Iterator[None]:
    """Add a line that allows images of the share to the installed policy, until the context ends."""
    installed = here(worker, site.POLICY).read_text(encoding="utf-8")
    text = installed.replace("[staging]\n", f'[staging]\nimage_dirs = ["{SHARE}"]\n', 1)
    assert text != installed
    apply = ["condor-kvm-stage-genconfig", "--apply"]
    with site.policy(worker, text):
        worker.run(apply)
        yield
    worker.run(apply)


def here(worker: node.Node, path: str) -> Path:
    """Return the path on this machine of a path on the node."""
    return worker.root / path.lstrip("/")
