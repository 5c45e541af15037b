"""The builder and the hook start quickly: a job waits for both, and the hook runs for jobs of all universes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.domain.job_ads import ad_of
from support.installed_plugin import MODULES

# Each takes between 2 and 20 ms, the interpreter itself 8
SLOW = {"dataclasses", "inspect", "pathlib", "subprocess", "traceback", "typing"}


def imported(module: str, call: str, data: bytes = b"") -> set[str]:
    """What a program imports beyond its interpreter, if it makes this call."""
    code = (
        f"import sys; before = set(sys.modules); sys.path.insert(0, {str(MODULES)!r})\n"
        f"from condor_kvm_stage import program\nfrom {module} import main\n{call}\n"
        "print(*set(sys.modules) - before)"
    )
    command = [sys.executable, "-IBSXutf8", "-c", code]
    return set(subprocess.run(command, input=data, capture_output=True, timeout=60, check=True).stdout.decode().split())


def test_hook_imports_hardly_anything_for_a_job_that_is_not_of_vm_universe() -> None:
    loaded = imported("condor_kvm_stage.domain.hook", "main([])", ad_of(JobUniverse="5"))
    ours = {"program", "domain", "domain.hook", "domain.raw_ad"}
    assert loaded <= {"condor_kvm_stage", *(f"condor_kvm_stage.{name}" for name in ours)}


@pytest.mark.parametrize("module", ["condor_kvm_stage.domain.cli", "condor_kvm_stage.domain.hook"])
def test_nothing_that_takes_long_is_imported_for_a_vm_job(module: str) -> None:
    loaded = imported(module, "from condor_kvm_stage.domain import cli")
    assert "condor_kvm_stage.domain.domain_xml" in loaded
    assert not loaded & SLOW
