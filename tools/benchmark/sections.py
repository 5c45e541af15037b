"""The sections of the benchmark, by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import (
    commands,
    first_byte,
    guest_ends,
    guest_io,
    guest_jobs,
    guest_options,
    guest_starts,
    image_size,
    installation,
    job_parts,
    jobs,
    many_disks,
    many_jobs,
    memory,
    one_disk,
    query,
    share,
)
from .results import Result
from .scene import Scene


@dataclass(frozen=True)
class Section:
    """A part of the benchmark that runs by itself, too."""

    measure: Callable[[Scene], list[Result]]
    published: bool = False  # whether docs/speed.md quotes it: `make bench` measures only these
    beside_htcondor: bool = False  # if not, HTCondor is stopped: its daemons would disturb
    needs_kvm: bool = False


SECTIONS = {
    "one-disk": Section(one_disk.measure, published=True),
    "many-disks": Section(many_disks.measure, published=True),
    "image-size": Section(image_size.measure, published=True),
    "share": Section(share.measure, published=True),
    "query": Section(query.measure, published=True),
    "memory": Section(memory.measure),
    "guest-io": Section(guest_io.measure, needs_kvm=True),
    "guest-options": Section(guest_options.measure, needs_kvm=True),
    "commands": Section(commands.measure, published=True, beside_htcondor=True),
    "installation": Section(installation.measure, beside_htcondor=True),
    "job-parts": Section(job_parts.measure, beside_htcondor=True, needs_kvm=True),
    "first-byte": Section(first_byte.measure, published=True, beside_htcondor=True, needs_kvm=True),
    "guest-starts": Section(guest_starts.measure, beside_htcondor=True, needs_kvm=True),
    "guest-ends": Section(guest_ends.measure, beside_htcondor=True, needs_kvm=True),
    "jobs": Section(jobs.measure, published=True, beside_htcondor=True, needs_kvm=True),
    "many-jobs": Section(many_jobs.measure, beside_htcondor=True, needs_kvm=True),
    "guest-jobs": Section(guest_jobs.measure, beside_htcondor=True, needs_kvm=True),
}
PUBLISHED = [name for name, section in SECTIONS.items() if section.published]


def chosen(names: list[str]) -> dict[str, Section]:
    """Return the sections of these names, in the order in which they run. Raises KeyError for an unknown name."""
    wanted = {name: SECTIONS[name] for name in names}
    return {name: section for name, section in SECTIONS.items() if name in wanted}
