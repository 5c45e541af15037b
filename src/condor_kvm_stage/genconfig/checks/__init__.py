"""Can this node run VM jobs, and what to do if not: facts and trials in, verdicts out. Looks at nothing.

A module for each group, in the order in which they depend on each other.
"""

from __future__ import annotations

from . import host, htcondor, images, kvm, libvirt, package
from .model import Check, Findings, Level

__all__ = ["Check", "Findings", "Level", "evaluate"]


def evaluate(findings: Findings) -> list[Check]:
    """Return every check's verdict on a host."""
    groups = (host, kvm, libvirt, images, htcondor, package)
    return [check for group in groups for check in group.checks(findings)]
