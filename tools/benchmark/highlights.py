"""The part of a record that docs/speed.md and the plot show: only ratios, because they apply to other machines, too."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from . import first_byte, guest_ends, guest_io, image_size, jobs, many_disks, one_disk, query, variants
from .job_pool import TRANSFER
from .record import Record
from .results import quartiles


@dataclass(frozen=True)
class Highlight:
    """One ratio: our time divided by that of another program for the same work."""

    work: str
    other: str
    ratio: float  # the median
    low: float  # the quartiles
    high: float


_ONE_DISK = f"qcow2 {one_disk.SHOWN}"
_MOST = many_disks.COUNTS[-1]
_QUERY = "query (-classad)"
_STARTED = "the guest's first byte"  # in the name of such a case of whole jobs
# Section, case, the other program; names of the work and the other program in docs/speed.md and the plot
_SHOWN = (
    (
        one_disk.SECTION,
        f"{_ONE_DISK}, beside copies",
        variants.CURL,
        "one disk, 256 MiB of data",
        "a copy by curl_plugin",
    ),
    (one_disk.SECTION, f"{_ONE_DISK}, beside copies", variants.COPY, "one disk, 256 MiB of data", "a copy by cp"),
    (one_disk.SECTION, _ONE_DISK, variants.SEED, "one disk", "a bash script that inspects nothing"),
    (one_disk.SECTION, _ONE_DISK, variants.QEMU_IMG, "one disk", "qemu-img create alone"),
    (many_disks.SECTION, many_disks.case(_MOST), variants.SEED, f"{_MOST} disks", f"the bash script, {_MOST} times"),
    (
        image_size.SECTION,
        image_size.case("qcow2", image_size.LARGEST),
        variants.COPY,
        f"disk of {image_size.LARGEST}, 1 GiB of data",
        "a copy by cp",
    ),
    (
        image_size.SECTION,
        f"qcow2 image of {image_size.LARGEST}",
        image_size.OF_SMALLEST,
        f"disk of {image_size.LARGEST}",
        f"the same of {image_size.SMALLEST}",
    ),
    (query.SECTION, query.CASE, variants.CURL, _QUERY, f"{variants.CURL}, which is compiled"),
)
# Those beside HTCondor without this package, likewise
_STOCK = "stock HTCondor, same overlay"
_BESIDE_STOCK = (
    *(
        (
            first_byte.SECTION,
            first_byte.case(count),
            first_byte.STOCK,
            f"{first_byte.case(count)}, until the guest runs",
            _STOCK,
        )
        for count in first_byte.ROUNDS
    ),
    (guest_ends.SECTION, guest_ends.CASE, guest_ends.STOCK, "a guest's power-off, until its job ends", _STOCK),
    (guest_io.SECTION, guest_io.FSYNCS, guest_io.STOCK, "a guest's fsyncs", _STOCK),
    (guest_io.SECTION, guest_io.READS, guest_io.STOCK, "a guest's random reads", _STOCK),
)


def highlights(record: Record) -> list[Highlight]:
    """Return the highlights in order; those of guests only if there are any, because they need KVM."""
    found = []
    for section, case, other, work, name in _SHOWN:
        found.append(_highlight(record, section, case, other, work, name))
    fastest = query.fastest_in_python(record.find(query.SECTION, query.CASE).samples)
    found.append(_highlight(record, query.SECTION, query.CASE, fastest, _QUERY, f"{fastest}, the fastest in Python"))
    for result in record.results:
        if result.section == jobs.SECTION and _STARTED in result.case:
            work = f"{result.case.partition(':')[0]}, until the guest runs"
            found.append(_highlight(record, result.section, result.case, TRANSFER, work, f"{TRANSFER}, 4 GiB"))
    measured = {(result.section, result.case) for result in record.results}
    return found + [_highlight(record, *shown) for shown in _BESIDE_STOCK if shown[:2] in measured]


def _highlight(record: Record, section: str, case: str, other: str, work: str, name: str) -> Highlight:
    ratios = record.find(section, case).ratios(other)
    return Highlight(work, name, statistics.median(ratios), *quartiles(ratios))
