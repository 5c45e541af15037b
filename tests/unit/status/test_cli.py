"""The program from libvirt's answer to its output and exit status: what is not known is said to be not known."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from condor_kvm_stage import __version__
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.leftovers.private_dirs import SUFFIX
from condor_kvm_stage.processes import user_name
from condor_kvm_stage.status import cli
from support.fake_guests import BOOT, FakeGuests, directory_of_libvirt

USER = user_name(os.getuid())


@pytest.fixture
def guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGuests:
    found = FakeGuests(tmp_path)
    monkeypatch.setattr(*directory_of_libvirt(found))
    return found


def document(guests: FakeGuests, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert cli.main(["--json"], guests.host) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_guest_is_shown_with_its_job_and_what_it_has(guests: FakeGuests, capsys: pytest.CaptureFixture[str]) -> None:
    scratch = guests.add(12, network=True)
    (scratch / "console.log").write_bytes(b"\x1b[2Jlogin: \n")
    (vm,) = document(guests, capsys)["vms"]
    disk = os.stat(f"{scratch}{SUFFIX}/disk.qcow2").st_blocks * 512
    assert vm == {
        "job": "12.0",
        "owner": USER,
        "name": "alice_worker_12.0",
        "uuid": "9c275b4d-4eab-4386-aa55-9cdd88f2792a",
        "state": "running",
        "reason": None,
        "images": ["/srv/images/long.qcow2"],
        "memory_bytes": 64 << 20,
        "cpus": 1,
        "disk_bytes": disk,
        "cpu_seconds": 1.71,
        "started": BOOT + 100,
        "address": "192.168.122.12",
        "console": "login:",
    }


@pytest.mark.parametrize(
    ("state", "reason", "shown"),
    [
        ("1", "1", "running"),
        ("3", "5", "paused: disk full"),
        ("3", "1", "paused: by command"),
        ("3", "99", "paused: reason 99"),
        ("99", "1", "state 99"),
    ],
)
def test_state_is_in_words_also_one_of_a_later_libvirt(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str], state: str, reason: str, shown: str
) -> None:
    guests.add(12, state, reason)
    assert cli.main([], guests.host) == 0
    assert f" {shown} " in capsys.readouterr().out


def test_virtual_machine_that_is_no_jobs_is_counted_and_one_that_has_just_ended_is_not(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str]
) -> None:
    guests.add_stats("an admin's")
    (guests.status / "an admin's.xml").write_text(
        "<domstatus state='running' reason='booted' pid='7'><domain/></domstatus>"
    )
    guests.add_stats("just ended")
    assert document(guests, capsys) == {"version": __version__, "vms": [], "others": 1}


def test_guest_that_ends_while_it_is_looked_at_is_no_failure(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch = guests.add(12)
    os.unlink(f"{scratch}{SUFFIX}/disk.qcow2")
    os.unlink(guests.host.path("/proc/12/stat"))
    (vm,) = document(guests, capsys)["vms"]
    assert (vm["disk_bytes"], vm["started"], vm["console"]) == (None, None, None)


def test_disk_outside_of_the_scratch_directory_is_not_touched(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be on a share that hangs."""
    guests.add(12)
    path = guests.status / "alice_worker_12.0.xml"
    own = f"{guests.directory}/dir_12/scratch{SUFFIX}/disk.qcow2"
    path.write_text(path.read_text().replace(own, "/share/disk.qcow2"))
    looked_at: list[str] = []
    lstat = os.lstat

    def watched(name: Any, **more: Any) -> os.stat_result:
        looked_at.append(str(name))
        return lstat(name, **more)

    monkeypatch.setattr(os, "lstat", watched)
    assert document(guests, capsys)["vms"][0]["disk_bytes"] == 0
    assert not [name for name in looked_at if name.startswith("/share")]


def test_libvirt_is_asked_once_and_for_addresses_only_if_there_can_be_any(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str]
) -> None:
    guests.add(12)
    guests.add(13)
    document(guests, capsys)
    assert [command[4] for command in guests.host.asked] == ["domstats"]
    guests.add(14, network=True)
    document(guests, capsys)
    assert [command[4] for command in guests.host.asked[1:]] == ["domstats", "net-dhcp-leases"]


def test_broken_policy_does_not_hide_the_guests(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str], site_policy: Any
) -> None:
    site_policy("[guest\n")
    (guests.add(12) / "console.log").write_bytes(b"login:\n")
    (vm,) = document(guests, capsys)["vms"]
    assert vm["console"] is None


LATE = Answer(-1, fault="virsh did not end within 20 s")
DOWN = Answer(1, errors="error: failed to connect to the hypervisor\nerror: no socket\n")
NONE = Answer(-1, fault="no program virsh")


@pytest.mark.parametrize(
    ("answer", "words"), [(LATE, "busy, or hangs"), (DOWN, "error: no socket"), (NONE, "no program virsh")]
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--metrics"]])
def test_libvirt_that_does_not_say_is_not_an_empty_node(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str], answer: Answer, words: str, form: list[str]
) -> None:
    guests.add(12)
    guests.virsh_says = answer
    assert cli.main(form, guests.host) == 3
    output = capsys.readouterr()
    assert "not known" in output.err
    assert words in output.err
    if form == ["--metrics"]:
        assert "condor_kvm_stage_libvirt_up 0\n" in output.out
        assert "condor_kvm_stage_vms" not in output.out
    else:
        assert output.out == ""


def test_leases_that_are_not_known_are_no_failure(guests: FakeGuests, capsys: pytest.CaptureFixture[str]) -> None:
    guests.add(12, network=True)
    guests.leases = "no lease at all\n"
    (vm,) = document(guests, capsys)["vms"]
    assert vm["address"] is None


def test_who_is_not_root_is_told_so(guests: FakeGuests, capsys: pytest.CaptureFixture[str]) -> None:
    guests.host.as_root = False
    assert cli.main([], guests.host) == 1
    assert "run this as root" in capsys.readouterr().err


def test_file_of_metrics_is_replaced_at_once_and_its_time_tells_its_age(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.prom"
    assert cli.main(["--metrics", str(path)], guests.host) == 0
    assert path.stat().st_mode & 0o777 == 0o644
    os.utime(path, (1, 1))
    inode = path.stat().st_ino
    assert cli.main(["--metrics", str(path)], guests.host) == 0
    assert path.stat().st_mtime > 1e9
    assert path.stat().st_ino == inode, "nothing has changed"
    guests.add(12)
    assert cli.main(["--metrics", str(path)], guests.host) == 0
    assert path.stat().st_ino != inode
    assert "alice_worker_12.0" in path.read_text()
    guests.virsh_says = LATE
    assert cli.main(["--metrics", str(path)], guests.host) == 3
    assert "alice_worker_12.0" not in path.read_text(), "what is not known is not shown as it was"
    assert [name for name in os.listdir(tmp_path) if "prom" in name] == ["metrics.prom"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "words"), [("x", "does not end in .prom"), ("none/x.prom", "there is no directory")])
def test_file_that_node_exporter_would_not_read_is_refused(
    guests: FakeGuests, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, words: str
) -> None:
    assert cli.main(["--metrics", str(tmp_path / name)], guests.host) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("wrong", [["--json", "--metrics"], ["--none"], ["word"]])
def test_wrong_usage_is_status_2(guests: FakeGuests, capsys: pytest.CaptureFixture[str], wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(wrong, guests.host)
    assert caught.value.code == 2
    assert "usage: condor-kvm-stage-status" in capsys.readouterr().err
