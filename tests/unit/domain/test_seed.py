"""The seed has the job's own data for cloud-init, and what the node adds; hostile files are refused, and do no harm."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.domain import job_ad, seed
from condor_kvm_stage.domain.seed import Data
from condor_kvm_stage.failures import NodeError, ParameterError, SpecificationError
from support.domain.job_ads import ad_of, string

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0b9oPZ9yZ8m0Yk9wH1b2c3d4e5f6g7h8i9j0k1l2m3 alice@home"
SEED = ".kvm-stage-seed"


def of(scratch: Path, **changes: str | None) -> Data:
    return seed.of_job(job_ad.read(ad_of(**changes)), str(scratch))


def content(scratch: Path, place: Path) -> dict[str, bytes]:
    """What is on the image, by name."""
    command = ["xorriso", "-osirrox", "on", "-indev", f"{scratch}/{SEED}", "-extract", "/", f"{place}"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_image_is_what_cloud_init_looks_for(tmp_path: Path) -> None:
    """By its volume id; with the names that it looks for, in both of the tables of names."""
    files = {"user-data": b"#cloud-config\n{}\n", "meta-data": b"{}", "network-config": b"\0\xff" * 5000}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seed.make(files, str(scratch))
    assert os.listdir(scratch) == [SEED]
    assert (scratch / SEED).read_bytes()[32808:32840].rstrip() == b"CIDATA"
    assert content(scratch, tmp_path / "out") == files
    assert all("user-data".encode(code) in (scratch / SEED).read_bytes() for code in ("ascii", "utf-16-be"))


def test_job_without_any_of_it_has_nothing(tmp_path: Path) -> None:
    assert of(tmp_path) == Data({}, "")


def test_jobs_own_files_are_taken_as_they_are(tmp_path: Path) -> None:
    brought = {"user-data": b"#!/bin/sh\n\xff", "meta-data": b"", "network-config": b"version: 2"}
    for name, text in brought.items():
        (tmp_path / name).write_bytes(text)
    data = of(tmp_path)
    assert data == Data(brought, "")
    assert seed.files(data, "12.0", b"") == brought


def test_node_adds_what_is_missing() -> None:
    files = seed.files(Data({}, KEY), "12.3", b"#cloud-boothook\n")
    assert (files["user-data"], files["vendor-data"]) == (b"#cloud-config\n{}\n", b"#cloud-boothook\n")
    meta = json.loads(files["meta-data"])
    assert meta.pop("instance-id").startswith("12.3-")
    assert meta == {"local-hostname": "job-12-3", "public-keys": [KEY], "dsmode": "local"}
    again = seed.files(Data({}, KEY), "12.3", b"")
    assert again["meta-data"] != files["meta-data"], "another run of the job is another machine"
    assert "vendor-data" not in again


def test_jobs_own_data_may_need_the_network() -> None:
    assert "dsmode" not in json.loads(seed.files(Data({"user-data": b""}, ""), "1.0", b"")["meta-data"])


@pytest.mark.parametrize(
    "key", [KEY, KEY.rpartition(" ")[0], f"ssh-rsa {'A' * 540}== a", f"sk-ssh-ed25519@openssh.com {'b/' * 40}"]
)
def test_key_of_ordinary_form_is_taken(tmp_path: Path, key: str) -> None:
    assert of(tmp_path, VMPARAM_SSH_Key=string(key)).key == key


@pytest.mark.parametrize(
    "key",
    [
        *[
            "ssh-ed25519",
            "nonsense",
            f"ssh-dss {'A' * 60}",
            f"command=id {KEY}",
            f"{KEY} more words",
            f" {KEY}",
            "ssh-ed25519 AAAA",
        ],
        *[f"ssh-ed25519 {'A' * 5000}", f"{KEY[:60]}$(id)", f"{KEY}:%<&>"],
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ParameterError, match="VMPARAM_SSH_Key is"):
        of(tmp_path, VMPARAM_SSH_Key=string(key))


def test_key_beside_the_jobs_own_meta_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta-data").write_text("instance-id: x")
    with pytest.raises(ParameterError, match="write the ssh key there"):
        of(tmp_path, VMPARAM_SSH_Key=string(KEY))


def _is_a_device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero


def _listens(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def _is_huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 30)


NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
HOSTILE = [
    (lambda path: path.symlink_to("/etc/shadow"), "is a symlink"),
    (lambda path: path.symlink_to(path), "is a symlink"),
    (os.mkfifo, "is not a regular file"),
    (os.mkdir, "is not a regular file"),
    (_listens, "cannot be read"),
    (_is_huge, "has more than 1 MiB"),
    pytest.param(_is_a_device, "(is not a regular file|cannot be read)", marks=NEEDS_ROOT),
]


@pytest.mark.parametrize("name", ["user-data", "meta-data", "network-config"])
@pytest.mark.parametrize(("make", "reason"), HOSTILE)
@pytest.mark.timeout(20)
def test_hostile_file_is_refused(tmp_path: Path, make: Callable[[Path], object], reason: str, name: str) -> None:
    make(tmp_path / name)
    with pytest.raises(SpecificationError, match=f"{name} {reason}"):
        of(tmp_path)


def test_file_of_the_largest_size_is_taken(tmp_path: Path) -> None:
    (tmp_path / "user-data").write_bytes(bytes(1 << 20))
    assert len(of(tmp_path).brought["user-data"]) == 1 << 20


def test_seed_of_that_name_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / SEED).symlink_to("/dev/null")
    with pytest.raises(ParameterError, match="rename that file"):
        seed.make({"user-data": b""}, str(tmp_path))


def _program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "xorriso"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_node_without_xorriso_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "XORRISO", f"{tmp_path}/none")
    with pytest.raises(NodeError, match="it has no xorriso, which its administrator can install"):
        seed.make({}, str(tmp_path))


@pytest.mark.parametrize(("text", "reason"), [("echo no space >&2; exit 5", "no space"), ("exec sleep 60", "in 1 s")])
def test_xorriso_that_fails_or_hangs_is_the_nodes_fault_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setattr(seed, "XORRISO", _program(tmp_path, text))
    monkeypatch.setattr(seed, "_TIMEOUT", 1)
    with pytest.raises(NodeError, match=reason):
        seed.make({"user-data": b""}, str(tmp_path))
    assert os.listdir(tmp_path) == ["xorriso"]
