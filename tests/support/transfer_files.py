"""What the tests of the multi-file protocols have in common: to ask, and to read the answer as HTCondor does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import classad2

from condor_kvm_stage.classad_writer import write_ad
from condor_kvm_stage.plugin.transfer import run_files

PREALLOCATED = 64 * 301  # bytes of blanks, as HTCondor's file_transfer.cpp writes them
OK, PARAMETER, SPECIFICATION, RESOLUTION, CONTACT, BUG = 0, 64, 65, 68, 69, 70
TRANSFER, AUTHORIZATION, NODE = 74, 77, 78

Files = tuple[Path, Path]


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
