"""Whether this node can run VM jobs, and what to do if not.

One module for each group of checks, in the order in which they depend on each other. The groups are pure: facts and
trials in, verdicts out.
"""

from __future__ import annotations

from . import host, htcondor, images, kvm, libvirt, package
from .model import Check, Findings, Level

__all__ = ["Check", "Findings", "Level", "evaluate"]


def evaluate(findings: Findings) -> list[Check]:
    """Return every check's verdict on a host."""
    groups = (host, kvm, libvirt, images, htcondor, package)
    return [check for group in groups for check in group.checks(findings)]
