"""Where output files may go: into the directories that policy opens, by any name that is one, and nowhere else."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.failures import (
    AuthorizationError,
    ContactError,
    ParameterError,
    ResolutionError,
    SpecificationError,
    StageError,
)
from condor_kvm_stage.policy.model import StagingPolicy
from condor_kvm_stage.share import mounts
from support.uploads import put


@pytest.mark.parametrize("place", ["", "sub", "link", "../out2"])
def test_nothing_is_written_outside_of_the_directories_for_output(
    tmp_path: Path, result: Path, out: Path, allowed: StagingPolicy, place: str
) -> None:
    (tmp_path / "out2").mkdir()
    (out / "sub").mkdir()
    (out / "link").symlink_to(tmp_path / "out2")
    if place in ("", "sub"):
        put(result, f"nfs://{out}/{place}/", allowed)
        return
    with pytest.raises(
        AuthorizationError, match=r"may not be written to .*/out2 \(allowed: .*/out\); let HTCondor"
    ) as caught:
        put(result, f"nfs://{out}/{place}/", allowed)
    assert caught.value.check == "output_dirs"
    assert list((tmp_path / "out2").iterdir()) == []


def test_by_default_nothing_is_written_anywhere(result: Path, out: Path) -> None:
    with pytest.raises(AuthorizationError, match=r"\(allowed: none\); .* to add that directory to output_dirs in "):
        put(result, f"nfs://{out}/", StagingPolicy())


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("nfs://{out}/none/", SpecificationError, "cannot write into .*/none: No such file or directory"),
        ("nfs://{out}/file/x", SpecificationError, "/file: it is not a directory; correct the URL"),
        ("nfs://filer/export/", ResolutionError, "no NFS mount"),
    ],
)
def test_place_that_is_none_is_one_message(
    result: Path, out: Path, allowed: StagingPolicy, target: str, kind: type[StageError], message: str
) -> None:
    (out / "file").touch()
    with pytest.raises(kind, match=message):
        put(result, target.format(out=out), allowed)


def test_directory_that_is_not_there_because_its_share_is_not_mounted_is_not_the_jobs_fault(
    result: Path, out: Path, allowed: StagingPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = out.parent / "fstab"
    table.write_text(f"filer:/export {out} nfs4 rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "FSTAB", str(table))
    with pytest.raises(ContactError, match=f"No such file or directory; {out} is not mounted on ") as caught:
        put(result, f"nfs://{out}/results/", allowed)
    assert caught.value.code == errno.ENOENT


@pytest.mark.parametrize("path", ["export", "export/sub", "export//sub/.."])
def test_server_in_the_url_leads_to_its_mount_on_this_node(
    tmp_path: Path, result: Path, out: Path, allowed: StagingPolicy, mounted: Callable[[Path], None], path: str
) -> None:
    mounted(out)
    (out / "sub").mkdir()
    if ".." in path:
        with pytest.raises(ParameterError, match=r"without '\.\.'"):
            put(result, f"nfs://filer/{path}/", allowed)
        return
    put(result, f"nfs://filer/{path}/", allowed)
    assert (tmp_path / path.replace("export", "out") / "result.raw").read_bytes() == result.read_bytes()


@pytest.mark.parametrize("name", [".", "..", "sub/.", "sub/..", "%2E%2E"])
@pytest.mark.parametrize("options", ["", "?overwrite=yes"])
def test_name_that_is_none_is_refused(result: Path, out: Path, allowed: StagingPolicy, name: str, options: str) -> None:
    (out / "sub").mkdir()
    with pytest.raises(ParameterError, match="does not name a file; append a file name to the URL"):
        put(result, f"nfs://{out}/{name}{options}", allowed)
    assert [path.name for path in out.iterdir()] == ["sub"]


@pytest.mark.parametrize("target", ["nfs://filer/export", "nfs://filer/export/.", "nfs://filer/export?overwrite=yes"])
def test_export_itself_is_no_name_for_a_file(
    tmp_path: Path, result: Path, out: Path, allowed: StagingPolicy, mounted: Callable[[Path], None], target: str
) -> None:
    mounted(out)
    with pytest.raises(ParameterError, match="does not name a file"):
        put(result, target, allowed)
    assert list(out.iterdir()) == []
