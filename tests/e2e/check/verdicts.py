"""What --check --json says of a node."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from testnode.node import Node

CHECK = "condor-kvm-stage-genconfig --check"
IMAGE_DIRS = '[staging]\nimage_dirs = ["/srv/images"]\n'


@dataclass(frozen=True)
class Result:
    """What --check --json said. levels: by "group name". found, steps: what was found, of each, and what to do."""

    status: int
    levels: dict[str, str]
    found: dict[str, str]
    steps: dict[str, str]

    @property
    def failed(self) -> set[str]:
        return {check for check, level in self.levels.items() if level == "fail"}


def check(worker: Node, *arguments: str, user: str = "root") -> Result:
    """Check the node. It ends in time, whatever is broken: htcondor.patience is 20 s."""
    done = worker.run([*CHECK.split(), *arguments, "--json"], user=user, timeout=60, check=False)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["ok"] is (done.returncode == 0)
    checks = {f"{verdict['group']} {verdict['name']}": verdict for verdict in document["checks"]}
    for verdict in checks.values():
        assert bool(verdict["next_step"]) is (verdict["level"] in ("note", "warn", "fail")), verdict
    return Result(
        done.returncode,
        {name: verdict["level"] for name, verdict in checks.items()},
        {name: verdict["found"] for name, verdict in checks.items()},
        {name: verdict["next_step"] for name, verdict in checks.items()},
    )


@contextlib.contextmanager
def away(worker: Node, path: str) -> Iterator[None]:
    """Have no such file, until the context ends."""
    worker.run(["mv", path, f"{path}.away"])
    try:
        yield
    finally:
        worker.run(["mv", f"{path}.away", path])
