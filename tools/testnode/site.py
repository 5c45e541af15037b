"""Files of the package that an administrator may edit, a temporary policy, and a share that hangs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .node import Node

POLICY = "/etc/condor-kvm-stage/config.toml"
SNIPPET = "/etc/condor/config.d/50-condor-kvm-stage.conf"
HANGING = "/srv/hanging"
_SHARE = Path(__file__).parents[2] / "tests/e2e/hanging_share.py"


def watch(node: Node, period: str) -> None:
    """Let the node look at itself at another period than the package's, as from systemd's next reload on."""
    place = node.root / "etc/systemd/system/condor-kvm-stage-health.timer.d/tests.conf"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"[Timer]\nOnActiveSec=\nOnActiveSec={period}\nOnUnitInactiveSec={period}\n", encoding="utf-8")


@contextlib.contextmanager
def policy(node: Node, text: str) -> Iterator[None]:
    """Give the node a policy, until the context ends. The node may reboot in between."""
    place = POLICY.lstrip("/")
    before = (node.root / place).read_text(encoding="utf-8")
    (node.root / place).write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        (node.root / place).write_text(before, encoding="utf-8")


@contextlib.contextmanager
def hanging_share(node: Node) -> Iterator[None]:
    """Mount a share that never answers on the node's directory HANGING, until the context ends."""
    (node.root / "root/hanging_share.py").write_text(_SHARE.read_text(encoding="utf-8"), encoding="utf-8")
    node.run(["mkdir", "--parents", HANGING])
    node.run(f"systemd-run --quiet --collect --unit=hanging-share python3 /root/hanging_share.py {HANGING}")
    try:
        node.wait_until(lambda: f" {HANGING} fuse " in node.run("cat /proc/mounts").stdout, "it is mounted", 10)
        node.run("systemctl kill --signal=STOP hanging-share")
        yield
    finally:
        node.run("systemctl kill --signal=KILL hanging-share")
        node.run(["umount", "--lazy", HANGING])
