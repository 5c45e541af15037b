"""What HTCondor is told of a file that was not transferred: kind, reason, exit status, and nothing it stumbles over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import __version__
from condor_kvm_stage.plugin import stage
from support.transfer_files import (
    AUTHORIZATION,
    BUG,
    CONTACT,
    PARAMETER,
    RESOLUTION,
    SPECIFICATION,
    TRANSFER,
    Files,
    ask,
    error_data,
    run,
)

pytestmark = pytest.mark.needs_classad2


@pytest.fixture
def bug_in_staging(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expects, for every URL that can be parsed."""

    def broken(*_: object) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(stage, "stage", broken)


@pytest.mark.usefixtures("bug_in_staging")
def test_bug_is_loud_and_still_gives_every_file_its_result(
    files: Files, scratch: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(files[0], scratch, f"nfs://{base}:a", f"nfs://{base}:b")
    status, ads = run(files)
    assert status == BUG
    assert ["bug in vm-nfs-plugin, please report it: ZeroDivisionError" in ad["TransferError"] for ad in ads] == [
        True
    ] * 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("bug_in_staging")
def test_exit_status_is_that_of_the_first_failure(files: Files, scratch: Path, base: Path) -> None:
    ask(files[0], scratch, f"nfs://{base}:.", f"nfs://{base}:a")
    assert run(files)[0] == PARAMETER
    ask(files[0], scratch, f"nfs://{base}:a", f"nfs://{base}:.")
    assert run(files)[0] == BUG


def test_each_kind_of_failure_has_its_type_and_what_that_type_must_say(
    tmp_path: Path,
    files: Files,
    scratch: Path,
    base: Path,
    fake_program: Callable[[str, str], None],
    site_policy: Callable[[str], None],
) -> None:
    """HTCondor's manual, "Transfer Error Data": the attributes of each type, all of them required."""
    site_policy("[guest]\nguarded = false\n")  # images must then be readable by all
    fake_program("qemu-img", 'echo "qemu-img: disk: No space left on device" >&2; exit 1')
    (tmp_path / "private").touch(0o600)
    os.mkfifo(tmp_path / "fifo")
    requests: dict[str, tuple[int, dict[str, object]]] = {
        f"nfs://{base}:.": (
            PARAMETER,
            {"ErrorType": "Parameter", "PluginVersion": __version__, "PluginLaunched": True},
        ),
        "nfs:///none:x": (SPECIFICATION, {"ErrorType": "Specification", "FailedServer": os.uname().nodename}),
        f"nfs://{tmp_path}/fifo:x": (SPECIFICATION, {"ErrorType": "Specification"}),
        "nfs://filer/x:x": (
            RESOLUTION,
            {"ErrorType": "Resolution", "FailedName": "filer", "FailureType": "Definitive"},
        ),
        f"nfs://{tmp_path}/private:x": (
            AUTHORIZATION,
            {"ErrorType": "Authorization", "FailureType": "Authorization", "ShouldRefresh": False},
        ),
        f"nfs://{base}?mode=copy:x": (TRANSFER, {"ErrorType": "Transfer", "FailureType": "NoSpace"}),
    }
    ask(files[0], scratch, *requests)
    _, ads = run(files)
    for ad, (status, expected) in zip(ads, requests.values()):
        data = error_data(ad)
        assert data["ErrorCode"] == status
        assert data["ErrorString"].replace(";", ",") == ad["TransferError"]
        assert isinstance(data["Retryable"], int)
        assert expected.items() <= data.items()
        if data["ErrorType"] in ("Contact", "Authorization", "Specification", "Transfer"):
            assert data["FailedServer"]
    missing, fifo, full = (error_data(ads[index])["DeveloperData"] for index in (1, 2, 5))
    assert missing == {"Step": "inspect", "Errno": 2, "ErrnoName": "ENOENT"}
    assert fifo == {"Step": "inspect", "Check": "file_type"}
    assert full["Step"] == "create"
    assert (full["ErrnoName"], full["QemuImg"]) == ("ENOSPC", "disk: No space left on device")


def test_hold_reason_has_nothing_that_htcondor_stumbles_over(files: Files, scratch: Path) -> None:
    """HTCondor 23 cuts it behind a semicolon, 23 and 25 at two bars; after a line's end 25 does not hold the job."""
    ask(files[0], scratch, "nfs:///a;b||c|||d\n\r\u2028e:x")
    _, (ad,) = run(files)
    message = ad["TransferError"]
    assert message.isprintable()
    assert ";" not in message
    assert "||" not in message
    assert "/a;b||c|||d" in error_data(ad)["ErrorString"]


def test_share_that_is_silent_is_a_contact_error_and_does_not_cost_each_file_its_timeout(
    files: Files,
    scratch: Path,
    base: Path,
    site_policy: Callable[[str], None],
    fake_program: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    mounted: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    """A qemu-img that waits without any I/O, as on a dead share; tests/faults has a real one."""
    monkeypatch.setattr("condor_kvm_stage.share.watchdog.TIMEOUT_AFTER_SILENCE", 0.1)
    mounted(base.parent)
    fake_program("qemu-img", "exec sleep 60")
    site_policy("[staging]\ntimeout = 1\n")
    ask(files[0], scratch, *(f"nfs://{base}?mode=copy:{number}" for number in range(4)))
    status, ads = run(files)
    assert status == CONTACT
    assert ["for 1 s;" in error_data(ad)["ErrorString"] for ad in ads] == [True, False, False, False]
    data = error_data(ads[0])
    assert (data["ErrorType"], data["FailedServer"], data["Retryable"]) == ("Contact", "filer:/export", 300)
    assert data["DeveloperData"]["Step"] == "create"
    assert "the share does not answer, nothing happened" in ads[3]["TransferError"]
