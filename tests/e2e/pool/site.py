"""A pool as a site has it: a central manager, two access points, three workers with the package and one share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from e2e.gahp import worker as gahp
from e2e.health import worker as health
from testnode import builds, guest, jobs, member, network, node, repository, site
from testnode.member import Role
from testnode.node import Node
from testnode.recipe import PACKAGE

WORKERS = ("worker-1", "worker-2", "worker-3")
UPGRADED = "worker-2"  # has an older version of the package, until a test upgrades it
ACCESS = ("access-1", "access-2")
SHARE = "/srv/images"
# The share of all workers, of this machine; each mounts it on SHARE by itself, and can lose it
_SERVED = "/srv/served"
_SLOTS = 6  # of a worker
# Their guests wait for 20 s, and for 60 s; that of the last then writes to its disk
SHORT, WRITES = f"{SHARE}/short.qcow2", f"{SHARE}/writes.qcow2"
_IMAGES = {SHORT: ("waits.asm", 364), WRITES: ("writes.asm", 1092)}
POLICY = f"""\
[staging]
image_dirs = ["{SHARE}"]
canary_image = "{jobs.BASE}"
timeout = 5
"""
_SETTINGS = "etc/condor/config.d/60-tests.conf"
_FILES = {
    "etc/fstab": f"{_SERVED} {SHARE} none bind 0 0\n",
    site.POLICY.lstrip("/"): POLICY,
    _SETTINGS: health.QUICK + f"NUM_CPUS = {_SLOTS}\nMASTER_BACKOFF_CEILING = 2\n",
    f"{SHARE.lstrip('/')}/not-mounted": "",
}


@dataclass(frozen=True)
class Site:
    """A running pool, by the members' short names."""

    nodes: dict[str, Node]

    @property
    def manager(self) -> Node:
        return self.nodes["manager"]

    @property
    def access(self) -> Node:
        return self.nodes[ACCESS[0]]

    @property
    def workers(self) -> list[Node]:
        return [self.nodes[name] for name in WORKERS]

    def wait_for(self, names: Iterable[str], shown: str) -> None:
        """Wait until these are the workers in the pool, and each shows a condition of its slot's ad as true."""
        wanted = {f"{name}.{member.DOMAIN}": "true" for name in names}
        ask = ["condor_status", "-constraint", "PartitionableSlot", "-af", "Machine", shown]

        def found() -> dict[str, str]:
            lines = self.manager.run(ask, timeout=20, check=False).stdout.splitlines()
            return dict(line.split(maxsplit=1) for line in lines)

        self.manager.wait_until(lambda: found() == wanted, f"{shown} on {', '.join(wanted)}, and on no other", 150)

    def submit_to(self, worker: str, name: str, image: str, access: str = ACCESS[0]) -> int:
        """Submit a VM job that runs on one worker only, as gahp.submit() does."""
        there = f'requirements = Machine == "{worker}.{member.DOMAIN}"'
        return gahp.submit(self.nodes[access], name, image, there)

    def address(self, name: str) -> str:
        """Return a member's address."""
        return self.manager.run(["getent", "hosts", name]).stdout.split()[0]

    def admit(self, name: str) -> None:
        """Give a member a token of the central manager's."""
        identity = f"condor@{member.DOMAIN}"
        token = self.manager.run(["condor_token_create", "-identity", identity]).stdout
        file = member.token_file(self.nodes[name].root)
        file.touch(mode=0o600)
        file.write_text(token, encoding="utf-8")
        self.nodes[name].run("condor_reconfig", check=False)

    def install(self, older: str) -> None:
        """Install the package on the workers, as an administrator does; on one of them, an older version."""
        with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor() as threads:
            packages = [builds.built(), builds.older(Path(scratch))]

            def one(name: str) -> None:
                worker = self.nodes[name]
                with repository.key_ring() as ring:
                    repository.put_in(worker.root, packages, ring)
                site.watch(worker, f"{health.PERIOD}s")
                version = f"{PACKAGE}-{builds.OLDER}" if name == older else PACKAGE
                worker.run(["dnf", "--assumeyes", "install", version], timeout=240)

            list(threads.map(one, WORKERS))


@contextlib.contextmanager
def running() -> Iterator[Site]:
    """Give a pool whose members have booted: none has a token yet, no worker has the package."""
    roles = {"manager": Role.MANAGER, **dict.fromkeys(ACCESS, Role.ACCESS), **dict.fromkeys(WORKERS, Role.EXECUTE)}
    with contextlib.ExitStack() as stack:
        share = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        share.chmod(0o755)
        bridge = stack.enter_context(network.bridge())
        members = stack.enter_context(member.prepared(roles, bridge, dict.fromkeys(WORKERS, _FILES)))
        nodes = {
            name: stack.enter_context(node.running(member=one, binds={share: _SERVED} if name in WORKERS else None))
            for name, one in members.items()
        }
        _write_images(nodes[WORKERS[0]])
        yield Site(nodes)


def _write_images(worker: Node) -> None:
    """Write them to the share, as a worker sees it."""
    guest.write_base(worker.root / jobs.BASE.lstrip("/"), "qcow2")
    for path, (program, ticks) in _IMAGES.items():
        gahp.write_image(worker, path, program, ticks)
