"""Many attacks at once, until each job is on hold, or has a guest."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e import vm_attacks
from e2e.domain import attacks, scene
from e2e.vm_attacks import Attack
from testnode import pool
from testnode.node import Node
from testnode.run import TestNodeError

# else HTCondor would ask for 1 GiB for each
_SMALL = "request_disk = 1024"


@dataclass(frozen=True)
class Wave:
    """What has become of the attacks, by name, before their jobs were removed.

    ads: of the jobs that were in the queue. started: whose guests libvirt has tried to start. qemu: its logs of these,
    with QEMU's arguments. outside: what scene.outside() said before and after. slot: the node's ad. gahp, startd: what
    the jobs' vm-gahps and the startd have written into their logs.
    """

    ads: dict[str, pool.Ad]
    started: set[str]
    qemu: str
    outside: tuple[dict[str, str], dict[str, str]]
    slot: pool.Ad
    gahp: str
    startd: str


def run(node: Node, wanted: Mapping[str, Attack]) -> Wave:
    """Submit the attacks, wait until all are settled, remove the jobs. The tests say of each that is not."""
    before = scene.outside(node)
    logs = [node.root / "var/log/condor" / name for name in ("VMGahpLog", "StartLog")]
    lengths = [len(_text(path)) for path in logs]
    clusters = {name: vm_attacks.submit(node, f"attack-{n}", wanted[name], _SMALL) for n, name in enumerate(wanted)}
    vm_attacks.release(node, clusters.values())

    def settled() -> bool:
        _make_links(node)
        ads = _ads(node)
        return all(
            ads.get(cluster, {}).get("JobStatus") == pool.HELD
            or (not wanted[name].refusal and scene.logs(node, cluster))
            for name, cluster in clusters.items()
        )

    with contextlib.suppress(TestNodeError):
        node.wait_until(settled, "each job is on hold, or has a guest", 240)
    ads, slot = _ads(node), pool.slot_ad(node)
    node.run(["condor_rm", *map(str, clusters.values())])
    node.wait_until(lambda: not scene.guests(node), "the guests are gone", 60)
    gahp, startd = (_text(path)[length:] for path, length in zip(logs, lengths))
    return Wave(
        ads={name: ads.get(cluster, {}) for name, cluster in clusters.items()},
        started={name for name, cluster in clusters.items() if scene.logs(node, cluster)},
        qemu="".join(_text(path) for cluster in clusters.values() for path in scene.logs(node, cluster)),
        outside=(before, scene.outside(node)),
        slot=slot,
        gahp=gahp,
        startd=startd,
    )


def _ads(node: Node) -> dict[int, pool.Ad]:
    """Return the ads of all jobs in the queue, by cluster."""
    found: list[pool.Ad] = json.loads(node.run(["condor_q", "-all", "-json"]).stdout or "[]")
    return {ad["ClusterId"]: ad for ad in found}


def _make_links(node: Node) -> None:
    """Put a hard link of another user's private file where a job waits for one."""
    # what is there disappears while it is looked at
    for wanted in node.run(["find", scene.EXECUTE, "-name", "*.wanted"], check=False).stdout.split():
        node.run(["ln", attacks.LINKED, wanted.removesuffix(".wanted")], check=False)  # it may be there by now


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
