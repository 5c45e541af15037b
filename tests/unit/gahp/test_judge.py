"""What the judge asks of control guests after a failed start, and what must be well before VM universe comes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.gahp.judge import Verdict, judge
from condor_kvm_stage.gahp.start_error import StartError
from condor_kvm_stage.installed import BUILD_DOMAIN
from condor_kvm_stage.job import Job
from support.fake_host import FakeHost

IMAGE = "/srv/images/base.qcow2"


def judged(tmp_path: Path, said: str, answer: Answer, known: str = "") -> tuple[Verdict, list[tuple[str, ...]]]:
    """Return the verdict, and what was asked. said: libvirt, of the job's guest. known: of the node."""
    asked: list[tuple[str, ...]] = []

    def build_domain(command: tuple[str, ...]) -> Answer:
        asked.append(command[1:])
        return answer

    host = FakeHost(tmp_path, programs={BUILD_DOMAIN: build_domain})
    return judge(Job(f"{tmp_path}/scratch", os.getuid(), os.getgid(), 1, 1), host, StartError(said, known)), asked


@pytest.mark.parametrize(
    "said",
    [
        f"Could not open '{IMAGE}': Permission denied",
        f"Cannot access storage file '{IMAGE}' (as uid:1000, gid:64055): Permission denied",
    ],
)
def test_image_that_the_guest_was_denied_is_tried(tmp_path: Path, said: str) -> None:
    verdict, asked = judged(tmp_path, said, Answer(1, f"guests may not read {IMAGE}\n"))
    assert asked == [("--try-guests", IMAGE)]
    assert verdict == Verdict(f"guests may not read {IMAGE}", (IMAGE,))


@pytest.mark.parametrize("said", ["", "Could not open 'disk.qcow2': Permission denied", f"'{IMAGE}': No such file"])
def test_no_image_is_tried_for_another_cause(tmp_path: Path, said: str) -> None:
    verdict, asked = judged(tmp_path, said, Answer(1, "no KVM\n"))
    assert asked == [("--try-guests",)]
    assert verdict == Verdict("no KVM")


def test_job_is_at_fault_if_control_guests_start(tmp_path: Path) -> None:
    assert judged(tmp_path, f"'{IMAGE}': Permission denied", Answer(0))[0] == Verdict("")


def test_nothing_is_tried_where_the_node_is_known_to_be_at_fault(tmp_path: Path) -> None:
    assert judged(tmp_path, "", Answer(0), "no KVM then") == (Verdict("no KVM then"), [])
