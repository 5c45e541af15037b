"""`make bench`'s order: one node, section after section; the table on stdout, JSON and plot in dist/."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from testnode import signals, stages
from testnode.run import TestNodeError, progress

from . import compare, machine, record, scene, table
from .sections import PUBLISHED, SECTIONS, Section, chosen

_REPOSITORY = Path(__file__).parents[2]
_KVM = Path("/dev/kvm")
_DIST, _PUBLISHED = _REPOSITORY / "dist", _REPOSITORY / "docs/benchmark.json"


def main(arguments: list[str]) -> int:
    """Measure, or compare. Returns the exit status, which is 0 even if a goal is missed: this is not a test."""
    signals.exit_on_request(1)
    options = _parser().parse_args(arguments)
    try:
        if options.compare:
            return _compare()
        names = list(SECTIONS) if options.all else options.sections or PUBLISHED
        found, failed = _measure(chosen(names))
        _keep(found, set(names) - set(failed) >= set(PUBLISHED))
        for name, reason in failed.items():
            print(f"bench: {name} was not measured: {reason}", file=sys.stderr)
        return 1 if failed else 0
    except (TestNodeError, OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measure the package, and what one would use instead.")
    shown = ", ".join(f"{name}*" if section.published else name for name, section in SECTIONS.items())
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        type=_section,  # with choices, argparse would refuse the empty default
        help=f"{shown}; without any, those with *, which docs/speed.md quotes",
    )
    parser.add_argument("--all", action="store_true", help="measure each section")
    parser.add_argument(
        "--compare", action="store_true", help="measure nothing; print what is slower in dist/ than in docs/"
    )
    return parser


def _section(name: str) -> str:
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"there is no section {name!r}; choose from {', '.join(SECTIONS)}")
    return name


def _measure(sections: dict[str, Section]) -> tuple[record.Record, dict[str, str]]:
    """Measure. Returns what was found, and why a section failed, by name: it does not cost the others' results."""
    if not _KVM.exists():
        left_out = [name for name, section in sections.items() if section.needs_kvm]
        progress(f"NOT MEASURED, for there is no {_KVM}: {', '.join(left_out)}")
        sections = {name: section for name, section in sections.items() if name not in left_out}
    results, taken, failed = [], {}, {}
    with scene.prepared() as place:
        progress("dnf install condor-kvm-stage")
        stages.install(place.bare)
        facts = machine.facts(place.worker)

        def run(some: dict[str, Section]) -> None:
            for name, section in some.items():
                began = time.monotonic()
                try:
                    results.extend(section.measure(place))
                except TestNodeError as error:
                    progress(f"{name} HAS FAILED, the others go on: {error}")
                    failed[name] = str(error)
                taken[name] = time.monotonic() - began

        with scene.without_htcondor(place.worker):
            run({name: section for name, section in sections.items() if not section.beside_htcondor})
        run({name: section for name, section in sections.items() if section.beside_htcondor})
    progress("seconds by section: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in taken.items()))
    return record.Record(facts, results), failed


def _keep(found: record.Record, is_complete: bool) -> None:
    text = record.to_json(found)
    (_DIST / "benchmark.json").write_text(text, encoding="utf-8")
    print(table.table(found), end="")
    if is_complete:  # the plot shows what docs/speed.md quotes
        from . import plot  # with matplotlib, which nothing else needs

        plot.draw(text, _DIST / "benchmark.svg")
    progress(f"kept in {_DIST}: benchmark.json{', benchmark.svg' if is_complete else ''}")


def _compare() -> int:
    newest = _DIST / "benchmark.json"
    if not newest.exists():
        print(f"bench: there is no {newest}; measure first: make bench", file=sys.stderr)
        return 1
    published, found = (record.from_json(path.read_text(encoding="utf-8")) for path in (_PUBLISHED, newest))
    print(compare.report(published, found), end="")
    return 0
