"""HTCondor's settings for one section of the benchmark. The sections after it find the node as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from testnode import stages
from testnode.node import Node

from . import start_phases
from .scene import here

_CONFIG = "/etc/condor/config.d/90-benchmark.conf"
_GONE = 180  # seconds


@contextlib.contextmanager
def htcondor(worker: Node, settings: str) -> Iterator[None]:
    """Run HTCondor with these settings, too, until the context ends. After that, or a failure, no job is left."""
    change(worker, settings)
    _restart(worker)
    try:
        yield
    finally:
        remove_jobs(worker)
        here(worker, _CONFIG).unlink()
        _restart(worker)


def change(worker: Node, settings: str) -> None:
    """Write other settings, which the next starter reads."""
    here(worker, _CONFIG).write_text(settings, encoding="utf-8")


def remove_jobs(worker: Node) -> None:
    """Remove all jobs, and wait until nothing is left of them. The starters are killed: they would take a minute."""
    execute = here(worker, worker.run(["condor_config_val", "EXECUTE"]).stdout.strip())
    starters = [start_phases.starter_of(path) for path in execute.glob("dir_*/scratch")]
    worker.run(["sh", "-c", 'condor_rm -all && kill -KILL "$@"', "sh", *starters], check=False)
    for name in worker.run("virsh list --name").stdout.split():
        worker.run(["virsh", "destroy", name], check=False)

    def is_tidy() -> bool:
        commands = "virsh list --all --name", "condor_q -all -af ClusterId", "condor_status -const DynamicSlot -af Name"
        return not any(execute.glob("dir_*")) and not any(worker.run(words).stdout.strip() for words in commands)

    worker.wait_until(is_tidy, "nothing is left of the jobs", _GONE)


def _restart(worker: Node) -> None:
    worker.run("systemctl restart condor")
    stages.wait_for_vm_universe(worker, True)
