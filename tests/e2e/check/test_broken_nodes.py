"""Nodes with one thing broken: --check names it, is right about VM jobs, and its next step repairs the node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from e2e.check import broken_host, broken_htcondor, repair
from e2e.check.repair import Broken
from e2e.check.verdicts import IMAGE_DIRS, check
from e2e.check.vm_trial import vm_job_runs
from testnode import node, pool, site, stages
from testnode.node import Node

pytestmark = pytest.mark.guest
# Those of every run; the others are in the full selection
_SHORT = ("images-missing", "build-domain-missing", "start-false")


class Workers:
    """One node for all rows: a row whose test fails leaves it behind, and the next one gets another."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._worker: Node | None = None

    @contextlib.contextmanager
    def one(self) -> Iterator[Node]:
        worker = self._worker or self._boot()
        self._worker = None
        yield worker
        self._worker = worker

    def end(self) -> None:
        self._stack.close()

    def _boot(self) -> Node:
        self._stack.close()
        worker = self._stack.enter_context(node.running())
        bare = stages.make_bare(worker)
        pool.restart_at_once(worker)
        stages.install(bare)
        (worker.root / site.POLICY.lstrip("/")).write_text(IMAGE_DIRS, encoding="utf-8")
        worker.run("condor-kvm-stage-genconfig --apply", timeout=150)
        stages.wait_for_vm_universe(worker, True)
        return worker


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    found = Workers()
    yield found
    found.end()


def _row(row: Broken) -> object:
    return pytest.param(row, id=row.name, marks=() if row.name in _SHORT else pytest.mark.full)


@pytest.mark.parametrize("row", [_row(row) for row in (*broken_host.ROWS, *broken_htcondor.ROWS)])
def test_check_names_what_is_broken_and_its_next_step_repairs_it(workers: Workers, row: Broken) -> None:
    with workers.one() as worker:
        repair.break_it(worker, row)
        found = check(worker)
        assert found.levels[row.check] == row.level, found.found
        assert row.says in found.found[row.check]
        assert (found.status == 1) is (row.level == "fail"), found.failed
        assert vm_job_runs(worker) is row.runs
        after = repair.repaired(worker, row, found)
        assert (after.failed, after.status) == (set(), 0), after.found
        assert after.levels[row.check] not in ("warn", "fail"), after.found[row.check]
        stages.wait_for_vm_universe(worker, True)


@pytest.mark.full
def test_node_runs_vm_jobs_after_all_these_repairs(workers: Workers) -> None:
    with workers.one() as worker:
        assert vm_job_runs(worker)
