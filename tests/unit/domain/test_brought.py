"""The message that a disk is missing names the files that the job did bring, and no others."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.domain import brought


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., str]:
    """Let the job bring files. Returns which ones are shown for the disk disk.qcow2."""

    def make(*names: str | bytes) -> str:
        for name in names:
            (tmp_path / os.fsdecode(name)).touch()
        return brought.show(str(tmp_path), "disk.qcow2")

    return make


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], "the job brought no file"),
        (["disk1.qcow2"], "the job brought disk1.qcow2"),
        (["data.csv", "disk1.qcow2"], "the job brought disk1.qcow2, data.csv"),  # what is alike comes first
        (["DISK.QCOW2", "a", "b"], "the job brought DISK.QCOW2, a, b"),
        (["disk.qcow2:vda:w:qcow2", "z", "y"], "the job brought disk.qcow2:vda:w:qcow2, y, z"),
        ([f"data{n}" for n in range(8)], "the job brought data0, data1, data2, data3, data4 and 3 more"),
        (["new\nline"], r"the job brought new\nline"),
        ([b"\xff"], r"the job brought \udcff"),
        # HTCondor's own, and what is made for the guest
        ([".job.ad", ".machine.ad", ".chirp.config", "condor_exec.exe", "_condor_stdout"], "the job brought no file"),
        (["console.log", "xen.mem.ckpt"], "the job brought no file"),
    ],
)
def test_files_that_the_job_brought_are_named(bring: Callable[..., str], names: list[str], shown: str) -> None:
    assert bring(*names) == shown


def test_what_is_no_file_is_not_named(tmp_path: Path, bring: Callable[..., str]) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "link").symlink_to("/etc/shadow")
    os.mkfifo(tmp_path / "fifo")
    assert bring("file") == "the job brought file"


def test_names_that_differ_in_case_only_are_both_named(bring: Callable[..., str]) -> None:
    assert bring("Disk.qcow2", "DISK.qcow2").removeprefix("the job brought ").split(", ") in (
        ["DISK.qcow2", "Disk.qcow2"],
        ["Disk.qcow2", "DISK.qcow2"],
    )


def test_job_that_brought_very_many_files_gets_its_answer(bring: Callable[..., str]) -> None:
    assert bring(*(f"file{n}" for n in range(2000))).endswith(" and 995 more")


def test_directory_that_is_gone_is_no_failure_of_its_own(tmp_path: Path) -> None:
    assert brought.show(f"{tmp_path}/gone", "disk") == "what the job brought cannot be listed"


NAMES = st.text('aé\n\x1b"<,', min_size=1, max_size=40) | st.text(
    st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40
)


@given(st.sets(NAMES.filter(lambda name: not {"/", "\0"} & {*name} and name not in (".", ".."))), st.text())
def test_whatever_the_names_the_message_is_printable(names: set[str], wanted: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        for name in names:
            Path(directory, name).touch()
        assert brought.show(directory, wanted).isprintable()
