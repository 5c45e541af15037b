"""The multi-file protocols: a result for each file whatever happens, written over the pre-allocated out-file."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import classad2
import pytest

from condor_kvm_stage import __version__
from condor_kvm_stage.plugin import mounts, stage
from condor_kvm_stage.plugin.classad_writer import write_ad
from condor_kvm_stage.plugin.transfer import run_files

PREALLOCATED = 64 * 301  # bytes of blanks, as HTCondor's file_transfer.cpp writes them
OK, PARAMETER, SPECIFICATION, RESOLUTION, CONTACT, BUG, TRANSFER, AUTHORIZATION, NODE = (
    0,
    64,
    65,
    68,
    69,
    70,
    74,
    77,
    78,
)

Files = tuple[Path, Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    infile, outfile = tmp_path / ".plugin.in", tmp_path / ".plugin.out"
    outfile.write_text(" " * PREALLOCATED)
    return infile, outfile


@pytest.fixture
def bug_in_staging(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expects, for every URL that can be parsed."""

    def broken(*_: object) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(stage, "stage", broken)


def ask(infile: Path, scratch: Path, *urls: str) -> None:
    ads = [{"Url": url, "LocalFileName": f"{scratch}/{url.rsplit('/', 1)[-1]}"} for url in urls]
    infile.write_bytes(b"".join(write_ad(ad) for ad in ads))


def run(files: Files, uploading: bool = False) -> tuple[int, list[Any]]:
    """Run the plug-in's transfer. Returns its exit status and what HTCondor reads from the out-file."""
    infile, outfile = files
    status = run_files(str(infile), str(outfile), uploading)
    return status, list(classad2.parseAds(outfile.read_text(), parser=classad2.ParserType.New))


def error_data(ad: Any) -> dict[str, Any]:
    """The one ad in TransferErrorData, its DeveloperData as a dictionary."""
    (data,) = ad["TransferErrorData"]
    plain = {name: data[name] for name in data}
    plain["DeveloperData"] = dict(plain["DeveloperData"].items())
    return plain


def test_every_file_gets_its_result_also_after_a_failure(files: Files, scratch: Path, base: Path) -> None:
    urls = [f"nfs://{base}:a", "nfs:///none:b", f"nfs://{base}:.", f"nfs://{base}:c"]
    ask(files[0], scratch, *urls)
    status, ads = run(files)
    assert status == SPECIFICATION
    assert [ad["TransferUrl"] for ad in ads] == urls
    assert [ad["TransferFileName"] for ad in ads] == [f"{scratch}/{url.rsplit('/', 1)[-1]}" for url in urls]
    assert [ad["TransferSuccess"] for ad in ads] == [True, False, False, True]
    assert ["TransferError" in ad for ad in ads] == [False, True, True, False]
    assert ["TransferErrorData" in ad for ad in ads] == [False, True, True, False]
    assert sorted(path.name for path in scratch.iterdir()) == ["a", "c"]
    assert ads[0]["TransferTotalBytes"] == (scratch / "a").stat().st_size
    numbers = ("TransferStartTime", "TransferEndTime", "TransferTotalBytes", "TransferFileBytes")
    assert all(isinstance(ad[name], int) for ad in ads for name in numbers)


def test_preallocated_out_file_is_written_over_not_truncated(files: Files, scratch: Path, base: Path) -> None:
    inode = files[1].stat().st_ino
    ask(files[0], scratch, f"nfs://{base}:a")
    assert run(files)[0] == OK
    assert (files[1].stat().st_ino, files[1].stat().st_size) == (inode, PREALLOCATED)
    assert files[1].read_text().rstrip().endswith("]")


def test_attributes_and_ads_that_are_not_ours_are_ignored(files: Files, scratch: Path, base: Path) -> None:
    files[0].write_text(
        '[ PluginData = [ a = "]\\"" ] ] [ Protocol = "nfs"; nfs_PluginData = { [ Url = "nested" ] } ]'
        f'[ PluginData = [ a = "]\\"" ]; URL = "nfs://{base}:a"; localfilename = "{scratch}/x"; x = strcat("[", Url) ]'
        "[ ]"
    )
    status, ads = run(files)
    assert (status, len(ads)) == (OK, 1)
    assert [path.name for path in scratch.iterdir()] == ["a"]


def test_url_that_is_an_expression_is_an_error_not_silence(files: Files, scratch: Path) -> None:
    files[0].write_text(f'[ Url = strcat("nfs://", x); LocalFileName = "{scratch}/x" ] [ Url = "nfs:///x" ]')
    status, ads = run(files)
    assert status == PARAMETER
    assert ["which URL (Url)" in ad["TransferError"] for ad in ads] == [True, False]
    assert "where the file is (LocalFileName)" in ads[1]["TransferError"]


def test_unreadable_list_of_files_still_brings_its_message(files: Files) -> None:
    for content in ("[ Url = ", None):
        if content is None:
            files[0].unlink()
        else:
            files[0].write_text(content)
        files[1].write_text(" " * PREALLOCATED)
        status, (ad,) = run(files)
        assert status == PARAMETER
        assert ad["TransferSuccess"] is False
        assert "cannot read the list of files" in ad["TransferError"]


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
        f"nfs://{base}:x": (TRANSFER, {"ErrorType": "Transfer", "FailureType": "NoSpace"}),
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


def test_broken_policy_stops_every_file_with_a_status_of_its_own(
    files: Files, scratch: Path, base: Path, site_policy: Callable[[str], None]
) -> None:
    site_policy("[staging]\ntimeout = never\n")
    ask(files[0], scratch, f"nfs://{base}:a", f"nfs://{base}:b")
    status, ads = run(files)
    assert status == NODE
    assert ["policy" in ad["TransferError"] and "line 2" in ad["TransferError"] for ad in ads] == [True, True]
    assert list(scratch.iterdir()) == []


def test_policy_is_enforced(files: Files, scratch: Path, base: Path, site_policy: Callable[[str], None]) -> None:
    site_policy('[staging]\nimage_dirs = ["/srv/images"]\n')
    ask(files[0], scratch, f"nfs://{base}:a")
    status, (ad,) = run(files)
    assert status == AUTHORIZATION
    assert error_data(ad)["DeveloperData"]["Check"] == "image_dirs"


def test_share_that_is_silent_is_a_contact_error_and_does_not_cost_each_file_its_timeout(
    files: Files,
    scratch: Path,
    base: Path,
    site_policy: Callable[[str], None],
    fake_program: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A qemu-img that waits without any I/O, as on a dead share; tests/faults has a real one."""
    monkeypatch.setattr("condor_kvm_stage.plugin.transfer._IMPATIENT", 1)
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"36 35 0:50 / {base.parent} rw - nfs4 filer:/export rw\n")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))
    fake_program("qemu-img", "exec sleep 60")
    site_policy("[staging]\ntimeout = 3\n")
    ask(files[0], scratch, *(f"nfs://{base}:{number}" for number in range(4)))
    started = time.monotonic()
    status, ads = run(files)
    assert status == CONTACT
    assert 3 <= time.monotonic() - started < 3 + 3 + 4
    data = error_data(ads[0])
    assert (data["ErrorType"], data["FailedServer"], data["Retryable"]) == ("Contact", "filer:/export", 300)
    assert data["DeveloperData"]["Step"] == "create"
    assert "the share does not answer, nothing happened" in ads[3]["TransferError"]


def test_out_file_that_does_not_take_every_result_is_an_error(files: Files, scratch: Path, base: Path) -> None:
    ask(files[0], scratch, *[f"nfs:///none/{'x' * 200}:{number}" for number in range(100)])
    # as a full disk: what was pre-allocated may be written, no more
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PREALLOCATED, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            run(files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files[1].stat().st_size == PREALLOCATED


def test_upload_puts_each_file_where_policy_allows_it(
    files: Files, tmp_path: Path, scratch: Path, site_policy: Callable[[str], None]
) -> None:
    (tmp_path / "out").mkdir()
    site_policy(f'[staging]\noutput_dirs = ["{tmp_path}/out"]\n')
    for name in ("a", "b"):
        (scratch / name).write_text(name)
    requests = [("a", f"nfs://{tmp_path}/out/a"), ("b", f"nfs://{tmp_path}/b"), ("none", f"nfs://{tmp_path}/out/none")]
    files[0].write_bytes(
        b"".join(write_ad({"Url": url, "LocalFileName": f"{scratch}/{name}"}) for name, url in requests)
    )
    status, ads = run(files, uploading=True)
    assert status == AUTHORIZATION
    assert [ad["TransferSuccess"] for ad in ads] == [True, False, False]
    assert {ad["TransferType"] for ad in ads} == {"upload"}
    assert error_data(ads[1])["DeveloperData"]["Check"] == "output_dirs"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    assert (tmp_path / "out/a").read_text() == "a"
