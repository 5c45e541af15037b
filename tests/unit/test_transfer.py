"""The multi-file protocol: a result for each file whatever happens, written over the pre-allocated out-file."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import classad2
import pytest

from condor_kvm_stage.plugin import overlay
from condor_kvm_stage.plugin.classad import write_ad
from condor_kvm_stage.plugin.transfer import BUG, FAILED, OK, run_files

PREALLOCATED = 64 * 301  # bytes of blanks, as HTCondor's file_transfer.cpp writes them


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    infile, outfile = tmp_path / ".plugin.in", tmp_path / ".plugin.out"
    outfile.write_text(" " * PREALLOCATED)
    return infile, outfile


@pytest.fixture
def bug_in_staging(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expects, for every URL that can be parsed."""

    def broken(*_: object) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(overlay, "stage", broken)


def ask(infile: Path, scratch: Path, *urls: str) -> None:
    ads = [{"Url": url, "LocalFileName": f"{scratch}/{url.rsplit('/', 1)[-1]}"} for url in urls]
    infile.write_bytes(b"".join(write_ad(ad) for ad in ads))


def results(outfile: Path) -> list[Any]:
    return list(classad2.parseAds(outfile.read_text(), parser=classad2.ParserType.New))


def test_every_file_gets_its_result_also_after_a_failure(files: tuple[Path, Path], scratch: Path, base: Path) -> None:
    infile, outfile = files
    urls = [f"nfs://{base}:a", "nfs:///none:b", f"nfs://{base}", f"nfs://{base}:c"]
    ask(infile, scratch, *urls)
    assert run_files(str(infile), str(outfile), False) == FAILED
    ads = results(outfile)
    assert [ad["TransferUrl"] for ad in ads] == urls
    assert [ad["TransferFileName"] for ad in ads] == [f"{scratch}/{url.rsplit('/', 1)[-1]}" for url in urls]
    assert [ad["TransferSuccess"] for ad in ads] == [True, False, False, True]
    assert ["TransferError" in ad for ad in ads] == [False, True, True, False]
    assert sorted(path.name for path in scratch.iterdir()) == ["a", "c"]
    assert ads[0]["TransferTotalBytes"] == (scratch / "a").stat().st_size
    assert all(isinstance(ad[name], int) for ad in ads for name in ("TransferStartTime", "TransferEndTime"))


def test_preallocated_out_file_is_written_over_not_truncated(
    files: tuple[Path, Path], scratch: Path, base: Path
) -> None:
    infile, outfile = files
    inode = outfile.stat().st_ino
    ask(infile, scratch, f"nfs://{base}:a")
    assert run_files(str(infile), str(outfile), False) == OK
    assert (outfile.stat().st_ino, outfile.stat().st_size) == (inode, PREALLOCATED)
    assert outfile.read_text().rstrip().endswith("]")


def test_attributes_that_are_not_ours_are_ignored(files: tuple[Path, Path], scratch: Path, base: Path) -> None:
    infile, outfile = files
    infile.write_text(
        f'[ PluginData = [ a = "]\\"" ]; URL = "nfs://{base}:a"; localfilename = "{scratch}/x"; x = strcat("[", Url) ]'
    )
    assert run_files(str(infile), str(outfile), False) == OK
    assert [path.name for path in scratch.iterdir()] == ["a"]


def test_unreadable_list_of_files_still_brings_its_message(files: tuple[Path, Path]) -> None:
    infile, outfile = files
    for content in ("[ Url = ", None):
        if content is None:
            infile.unlink()
        else:
            infile.write_text(content)
        outfile.write_text(" " * PREALLOCATED)
        assert run_files(str(infile), str(outfile), False) == FAILED
        (ad,) = results(outfile)
        assert ad["TransferSuccess"] is False
        assert "cannot read the list of files" in ad["TransferError"]


@pytest.mark.usefixtures("bug_in_staging")
def test_bug_is_loud_and_still_gives_every_file_its_result(
    files: tuple[Path, Path], scratch: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    infile, outfile = files
    ask(infile, scratch, f"nfs://{base}:a", f"nfs://{base}:b")
    assert run_files(str(infile), str(outfile), False) == BUG
    assert ["bug in vm-nfs-plugin" in ad["TransferError"] for ad in results(outfile)] == [True, True]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("bug_in_staging")
def test_exit_status_is_that_of_the_first_failure(files: tuple[Path, Path], scratch: Path, base: Path) -> None:
    infile, outfile = files
    ask(infile, scratch, f"nfs://{base}", f"nfs://{base}:a")
    assert run_files(str(infile), str(outfile), False) == FAILED
    ask(infile, scratch, f"nfs://{base}:a", f"nfs://{base}")
    assert run_files(str(infile), str(outfile), False) == BUG


def test_out_file_that_does_not_take_every_result_is_an_error(
    files: tuple[Path, Path], scratch: Path, base: Path
) -> None:
    infile, outfile = files
    ask(infile, scratch, *[f"nfs:///none/{'x' * 200}:{number}" for number in range(100)])
    # as a full disk: what was pre-allocated may be written, no more
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PREALLOCATED, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            run_files(str(infile), str(outfile), False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outfile.stat().st_size == PREALLOCATED


def test_file_without_a_place_to_go_is_refused(
    files: tuple[Path, Path], scratch: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infile, outfile = files
    monkeypatch.chdir(scratch)
    infile.write_bytes(write_ad({"Url": f"nfs://{base}:a"}))
    assert run_files(str(infile), str(outfile), False) == FAILED
    assert "no LocalFileName" in results(outfile)[0]["TransferError"]
    assert list(scratch.iterdir()) == []


def test_upload_is_refused_with_a_result_for_each_file(files: tuple[Path, Path], scratch: Path, base: Path) -> None:
    infile, outfile = files
    ask(infile, scratch, f"nfs://{base}:a", f"nfs://{base}:b")
    assert run_files(str(infile), str(outfile), True) == FAILED
    assert ["does not upload" in ad["TransferError"] for ad in results(outfile)] == [True, True]
    assert list(scratch.iterdir()) == []
