"""Whether a server delegates an image: what this kernel says of a lease, which stands for a delegation on NFS 4."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes import delegation
from condor_kvm_stage.host import Host
from support.fake_host import FakeHost

PYTHON = "/usr/bin/python3"


def asked_here(command: tuple[str, ...]) -> Answer:
    return Host().run(sys.executable, *command[1:])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "base.qcow2"
    path.write_bytes(b"QFI\xfb")
    return path


def test_image_that_nobody_writes_is_delegated(tmp_path: Path, image: Path) -> None:
    host = FakeHost(tmp_path, programs={PYTHON: asked_here}, as_root=True)
    assert delegation.probe(host, "nfs4", str(image)) == PASSED


def test_image_that_is_open_for_writing_is_not(tmp_path: Path, image: Path) -> None:
    host = FakeHost(tmp_path, programs={PYTHON: asked_here}, as_root=True)
    writer = os.open(image, os.O_RDWR)
    found = delegation.probe(host, "nfs4", str(image))
    os.close(writer)
    assert found == failed("its server does not delegate it to this node")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(0, "EINVAL\n"), unknown("the kernel says EINVAL")),
        (Answer(-1, fault="python3 did not end within 20 s"), unknown("python3 did not end within 20 s")),
    ],
    ids=["a-kernel-that-has-no-leases-on-nfs", "a-share-that-hangs"],
)
def test_no_answer_is_not_no(tmp_path: Path, answer: Answer, outcome: Outcome) -> None:
    host = FakeHost(tmp_path, programs={PYTHON: answer}, as_root=True)
    assert delegation.probe(host, "nfs4", "/srv/images/base.qcow2") == outcome


@pytest.mark.parametrize(
    ("kind", "image", "as_root", "outcome"),
    [
        ("nfs", "/srv/base", True, failed("NFS before version 4 has no delegations")),
        ("xfs", "/srv/base", True, not_tried("not on NFS")),
        ("nfs4", "", True, not_tried("no image there could be staged")),
        ("nfs4", "/srv/base", False, not_tried("only root can ask")),
    ],
)
def test_nothing_is_asked_where_the_answer_is_known_or_cannot_be(
    tmp_path: Path, kind: str, image: str, as_root: bool, outcome: Outcome
) -> None:
    assert delegation.probe(FakeHost(tmp_path, as_root=as_root), kind, image) == outcome
