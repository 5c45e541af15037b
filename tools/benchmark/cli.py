"""`make bench`'s order: one node, section after section; the table on stdout, JSON and plot in dist/."""

from __future__ import annotations

import sys
from pathlib import Path

from testnode import signals, stages
from testnode.run import TestNodeError, progress

from . import (
    guest_jobs,
    guest_options,
    image_size,
    installation,
    jobs,
    machine,
    many_disks,
    memory,
    one_disk,
    plot,
    query,
    record,
    scene,
    share,
    table,
)

_DIST = Path(__file__).parents[2] / "dist"
# Sections that run without HTCondor, whose daemons would disturb them. Later ones use images of earlier ones.
_WITHOUT_HTCONDOR = (one_disk, many_disks, image_size, share, query, memory, guest_options)
_WITH_HTCONDOR = (installation, jobs, guest_jobs)


def main() -> int:
    """Measure. Returns the exit status, which is 0 even if a goal is missed: this is not a test."""
    signals.exit_on_request(1)
    try:
        found = _measure()
    except TestNodeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    text = record.to_json(found)
    (_DIST / "benchmark.json").write_text(text, encoding="utf-8")
    print(table.table(found), end="")
    plot.draw(text, _DIST / "benchmark.svg")
    progress(f"kept in {_DIST}: benchmark.json, benchmark.svg")
    return 0


def _measure() -> record.Record:
    with scene.prepared() as place:
        progress("dnf install condor-kvm-stage")
        stages.install(place.bare)
        results = []
        with scene.without_htcondor(place.worker):
            for section in _WITHOUT_HTCONDOR:
                results += section.measure(place)
        for section in _WITH_HTCONDOR:
            results += section.measure(place)
        return record.Record(machine.facts(place.worker), results)
