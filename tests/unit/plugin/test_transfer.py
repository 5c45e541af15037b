"""The multi-file protocols: a result for each file whatever happens, written over the pre-allocated out-file."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.classad_writer import write_ad
from condor_kvm_stage.plugin import transfer
from condor_kvm_stage.plugin.transfer import run_files
from support.transfer_files import (
    AUTHORIZATION,
    NODE,
    OK,
    PARAMETER,
    PREALLOCATED,
    SPECIFICATION,
    Files,
    ask,
    error_data,
    run,
)

pytestmark = pytest.mark.needs_classad2


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


def earlier_results(files: Files, scratch: Path, *urls: str) -> None:
    ask(files[0], scratch, *urls)
    run(files)


@pytest.mark.parametrize("uploading", [False, True])
def test_nothing_of_an_earlier_run_is_left_in_the_out_file(
    files: Files, scratch: Path, base: Path, uploading: bool
) -> None:
    """HTCondor 23.0 to 23.3 passes the same out-file again."""
    earlier_results(files, scratch, *(f"nfs://{base}:{name}" for name in "abcdefghijklmnopqrstuvwxyz" * 3))
    before = files[1].stat()
    assert before.st_size > PREALLOCATED
    ask(files[0], scratch, f"nfs://{base}:new")
    _, ads = run(files, uploading)
    assert [ad["TransferUrl"] for ad in ads] == [f"nfs://{base}:new"]
    assert (files[1].stat().st_ino, files[1].stat().st_size) == (before.st_ino, before.st_size)
    assert files[1].read_text().partition("\n")[2].isspace()  # a result is one line


@pytest.mark.parametrize("content", [None, "[ Url = "])
def test_nothing_of_an_earlier_run_is_left_by_one_that_cannot_read_its_list(
    files: Files, scratch: Path, base: Path, content: str | None
) -> None:
    earlier_results(files, scratch, *(f"nfs://{base}:{name}" for name in "abc"))
    files[0].unlink() if content is None else files[0].write_text(content)
    _, (ad,) = run(files)
    assert "cannot read the list of files" in ad["TransferError"]


def test_nothing_of_an_earlier_run_is_left_if_there_is_nothing_to_do(files: Files, scratch: Path, base: Path) -> None:
    earlier_results(files, scratch, f"nfs://{base}:a")
    files[0].write_text("")
    assert run(files) == (OK, [])
    assert files[1].read_text().isspace()


def test_nothing_of_an_earlier_run_is_left_by_one_that_is_killed(
    files: Files, scratch: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier_results(files, scratch, *(f"nfs://{base}:{name}" for name in "abc"))
    monkeypatch.setattr(transfer.Run, "transfer", None)  # what it would have done is not to be
    with pytest.raises(TypeError):
        run(files)
    assert files[1].read_text().isspace()


@pytest.mark.parametrize(
    "rest",
    [b"[ half a result", b"\xff\x80 no text", b"\0\0x\0\0", b"x" * 5000, b" " * 9000 + b"x", b"\0" * 9000 + b"[ ]"],
)
def test_whatever_is_in_the_out_file_the_results_can_be_read(
    files: Files, scratch: Path, base: Path, rest: bytes
) -> None:
    """Of a run that was killed while it wrote, say."""
    files[1].write_bytes(b" " * 3000 + rest)
    ask(files[0], scratch, f"nfs://{base}:a")
    assert run_files(str(files[0]), str(files[1]), False) == OK
    written = files[1].read_bytes()
    assert len(written) == max(3000 + len(rest), written.index(b"\n") + 1)
    assert set(written.partition(b"\n")[2]) == set(b" \0") & set(rest + b" ")


def test_holes_in_the_out_file_stay_holes(files: Files, scratch: Path, base: Path) -> None:
    """To erase what an earlier run has left needs no space on a disk that may be full."""
    with open(files[1], "wb") as file:
        for position in (0, 1 << 20, 2 << 20):
            file.seek(position)
            file.write(b"[ old ]")
        file.truncate(3 << 20)
    before = files[1].stat()
    ask(files[0], scratch, f"nfs://{base}:a")
    assert run_files(str(files[0]), str(files[1]), False) == OK
    after = files[1].stat()
    assert (after.st_size, after.st_blocks) == (before.st_size, before.st_blocks)
    assert b"old" not in files[1].read_bytes()


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
