"""--check's verdict on orphans: which virtual machines, and what to do."""

from __future__ import annotations

import pytest

from condor_kvm_stage.genconfig.checks import Check, Findings, Level
from condor_kvm_stage.genconfig.outcome import failed
from condor_kvm_stage.leftovers.job_domains import Domains
from condor_kvm_stage.leftovers.metadata import Domain, JobRef, Unclear
from support.findings import of, tried, verdict

APPLY = "condor-kvm-stage-genconfig --apply, which destroys them"


def orphans(*names: str, fault: str = "", unclear: tuple[Unclear, ...] = ()) -> Domains:
    jobs = tuple(Domain(f"uuid-{name}", name, JobRef("/x", 379, 5)) for name in names)
    living = Domain("uuid", "living", JobRef("/x", 412, 5))
    return Domains(fault, (living, *jobs), unclear, {412: 5})


def found(good: Findings, domains: Domains | None) -> Check:
    return verdict(tried(domains=domains)(good), "libvirt orphans")


def test_jobs_that_run_are_as_it_should_be(good: Findings) -> None:
    assert found(good, orphans()).level is Level.OK


def test_orphans_are_named_with_the_next_step(good: Findings) -> None:
    check = found(good, orphans("a", "b"))
    assert (check.level, check.next_step) == (Level.WARN, APPLY)
    assert check.found == "virtual machines of jobs that have ended still run: a, b"


def test_only_a_handful_is_named(good: Findings) -> None:
    check = found(good, orphans(*(f"vm{number}" for number in range(40))))
    assert check.found.endswith(": vm0, vm1, vm2, vm3, vm4 and 35 more")


def test_names_do_no_harm_on_a_terminal(good: Findings) -> None:
    check = found(good, orphans("a\x1b[2J\n"))
    assert check.found.endswith(": a\\x1b[2J\\n")


def test_domain_of_which_it_cannot_be_told_is_to_be_looked_at(good: Findings) -> None:
    check = found(good, orphans(unclear=(Unclear("uuid", "a 'b'\n", "starter is no process id: 'x\x1b'"),)))
    assert check.level is Level.WARN
    assert (
        check.found
        == r"cannot tell which job the virtual machine a 'b'\n belongs to: starter is no process id: 'x\x1b'"
    )
    assert check.next_step == r"inspect it: virsh --connect qemu:///system dumpxml 'a '\''b'\''\n'"


def test_orphans_come_first(good: Findings) -> None:
    check = found(good, orphans("a", fault="slow", unclear=(Unclear("uuid", "b", "x"),)))
    assert check.next_step == APPLY


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        ("no program virsh", "dnf install libvirt-client"),
        ("virsh did not end within 5 s", "see what is slow: virsh --connect qemu:///system list"),
    ],
)
def test_not_all_were_looked_for(good: Findings, fault: str, step: str) -> None:
    check = found(good, orphans(fault=fault))
    assert (check.level, check.next_step) == (Level.NOTE, step)
    assert fault in check.found


def test_it_is_not_a_matter_where_libvirt_does_not_answer_or_this_is_not_root(good: Findings) -> None:
    check = found(good, None)
    assert (check.level, check.found.rpartition(": ")[2]) == (Level.NOT_APPLICABLE, "only root can")
    check = verdict(of("libvirt", listens=failed("x"))(tried(domains=None)(good)), "libvirt orphans")
    assert (check.level, check.found.rpartition(": ")[2]) == (Level.NOT_APPLICABLE, "libvirt does not answer")
