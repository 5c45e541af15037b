"""Four jobs at once, each in another phase of its life, so that a test can do the same to all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from testnode import pool, site
from testnode.node import Node

from . import worker as gahp

# While its input is transferred; after its guest has started, while the starter sleeps for 30 s; later; after its
# guest has been destroyed, until the job has ended, which takes some seconds
STAGING, START, RUN, END = "staging", "start", "run", "end"
LASTS = "/srv/images/lasts.qcow2"  # its guest powers off after two minutes, so that it outlives what is done to it
_TICKS = 2184
_SHARE = "/srv/share"  # shows /srv/images, and does not answer for a while
_UNIT = "share"
_POLICY = "[staging]\ntimeout = 600\n"  # longer than the share does not answer
PLUGIN = "vm-nfs-plugin.* -infile"


@contextlib.contextmanager
def share(node: Node) -> Iterator[None]:
    """Mount the share, and make the image."""
    server = Path(__file__).parents[1] / "squashing_share.py"
    (node.root / "root/share.py").write_text(server.read_text(encoding="utf-8"), encoding="utf-8")
    gahp.write_image(node, LASTS, "waits.asm", _TICKS)
    node.run(["mkdir", _SHARE])
    node.run(f"systemd-run --quiet --collect --unit={_UNIT} python3 /root/share.py /srv/images {_SHARE}")
    node.wait_until(lambda: f" {_SHARE} fuse " in node.run("cat /proc/mounts").stdout, "it is mounted", 30)
    with site.policy(node, _POLICY):
        yield


@contextlib.contextmanager
def jobs(node: Node, name: str, image: str = gahp.LONG) -> Iterator[dict[str, int]]:
    """Give the clusters of four jobs, by phase, in the order in which they leave it. Staging goes on afterwards."""
    found = {phase: gahp.submit(node, f"{name}-{phase}", image) for phase in (RUN, END)}
    for cluster in found.values():
        gahp.wait_for_ready(node, cluster)
    node.run(["systemctl", "kill", "--signal=STOP", _UNIT])
    try:
        path = Path(_SHARE, Path(image).name)
        found[STAGING] = gahp.submit(node, f"{name}-{STAGING}", str(path))
        node.wait_until(lambda: bool(gahp.pids(node, PLUGIN)), "the plug-in waits for the share", 60)
        gahp.wait_for_status(node, found[STAGING], pool.RUNNING)
        found[START] = gahp.submit(node, f"{name}-{START}", image)
        gahp.wait_for_guest(node, found[START])
        node.run(["virsh", "destroy", gahp.domain(found[END])])
        yield {phase: found[phase] for phase in (END, START, STAGING, RUN)}
    finally:
        node.run(["systemctl", "kill", "--signal=CONT", _UNIT])


def starter(node: Node, cluster: int) -> str:
    """Return the process of a running job's starter."""
    slot = pool.job_ad(node, cluster)["RemoteHost"].partition("@")[0]
    return gahp.pids(node, f"^condor_starter .*-a {slot} ")[0]  # while it transfers files it has a child like it


def child(node: Node, parent: str, pattern: str) -> str:
    """Return a child of a process whose command line matches, "" if it has none."""
    found = node.run(["pgrep", "--parent", parent, "--full", pattern], check=False).stdout.split() if parent else []
    return found[0] if found else ""


def guest(node: Node, cluster: int) -> str:
    """Return the UUID of the guest that a job has now, "" if it has none."""
    return node.run(["virsh", "domuuid", gahp.domain(cluster)], check=False).stdout.strip()


def wait_for_another_guest(node: Node, cluster: int, before: str) -> None:
    """Wait until a job has a guest again. before: the UUID of the one that it had, "" for none."""
    node.wait_until(lambda: guest(node, cluster) not in ("", before), f"job {cluster} runs again", 150)
