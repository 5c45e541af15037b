"""The relay between a starter, which is the test, and a vm-gahp, which is a fake: each in a process of its own."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support.gahp.starter import PATIENCE, Guest, Starter, wait_for

NODE = b"2 1 it\\ has\\ no\\ KVM\n"
BAD_IMAGE = b"2 1 VMGAHP_ERR_BAD_IMAGE\n"


def running(tmp_path: Path) -> tuple[Starter, Guest]:
    """A job whose guest runs, and of which the starter knows all that it asks."""
    guest = Guest(tmp_path)
    starter = Starter(tmp_path)
    assert starter.starts_guest() == b"2 0 1\n"
    starter.knows_guest()
    return starter, guest


@pytest.mark.parametrize(("reason", "status"), [("shutdown", 0), ("crashed", 70), ("destroyed", 75)])
def test_job_ends_with_its_guest_and_the_exit_status_says_how(tmp_path: Path, reason: str, status: int) -> None:
    starter, guest = running(tmp_path)
    guest.ends(reason)
    assert starter.relay.wait(PATIENCE) == status
    assert starter.vm_gahp_heard()[-2:] == ["CONDOR_VM_STATUS 999999999 1", "cleaned up"]


def test_starter_is_answered_after_the_end_until_it_goes(tmp_path: Path) -> None:
    starter, guest = running(tmp_path)
    guest.ends("shutdown")
    starter.relay.wait(PATIENCE)
    assert starter.asks(b"CONDOR_VM_STATUS 4 1") == b"S\n"
    assert starter.result() == b"4 0 STATUS=Stopped\n"
    assert starter.asks(b"QUIT") == b"S\n"
    assert starter.hears_nothing_more()


def test_job_does_not_end_before_the_starter_has_done_what_follows_a_start(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    starter = Starter(tmp_path)
    starter.starts_guest()
    guest.ends("shutdown")
    time.sleep(1)
    assert starter.relay.poll() is None
    starter.knows_guest()
    assert starter.relay.wait(PATIENCE) == 0


def test_starter_is_answered_while_it_is_to_tell_the_user_how_the_guest_has_ended(tmp_path: Path) -> None:
    """It tells him nothing while it waits for an answer."""
    (tmp_path / "telling").touch()
    starter, guest = running(tmp_path)
    guest.ends("crashed")
    wait_for(lambda: any(line.startswith("report QEMU ended") for line in starter.duties()))
    assert starter.asks(b"CONDOR_VM_STATUS 5 1") == b"S\n"
    assert starter.result() == b"5 0 0\n", "the vm-gahp's"
    assert starter.relay.poll() is None
    (tmp_path / "telling").unlink()
    assert starter.relay.wait(PATIENCE) == 70
    assert len([line for line in starter.duties() if line.startswith("report ")]) == 1


def test_job_does_not_end_before_its_user_has_heard_what_the_guest_printed(tmp_path: Path) -> None:
    (tmp_path / "printing").write_text("3600")
    starter, guest = running(tmp_path)
    guest.ends("shutdown")
    wait_for(lambda: "ended POWERED_OFF False" in starter.duties())
    time.sleep(1)
    assert starter.relay.poll() is None
    assert starter.asks(b"CONDOR_VM_STATUS 5 1") == b"S\n"
    assert starter.result() == b"5 0 0\n", "the vm-gahp's"
    (tmp_path / "printing").unlink()
    assert starter.relay.wait(PATIENCE) == 0


def test_job_ends_although_its_user_has_stopped_who_keeps_the_console(tmp_path: Path) -> None:
    (tmp_path / "printing").write_text("1")
    starter, guest = running(tmp_path)
    guest.ends("shutdown")
    assert starter.relay.wait(PATIENCE) == 0


def test_guest_that_ends_while_the_starter_stops_it_ends_the_job(tmp_path: Path) -> None:
    starter, guest = running(tmp_path)
    assert starter.asks(b"CONDOR_VM_STOP 4 1") == b"S\n"
    guest.ends("destroyed")
    assert starter.asks(b"QUIT") == b"S\n"
    assert starter.relay.wait(PATIENCE) in (0, 75)
    assert not any(line.startswith("report ") for line in starter.duties()), "it is HTCondor's doing"


@pytest.mark.parametrize(("at_fault", "result"), [("job", BAD_IMAGE), ("node", NODE)])
def test_failed_start_is_judged(tmp_path: Path, at_fault: str, result: bytes) -> None:
    starter = Starter(tmp_path, "NULL", at_fault)
    assert starter.starts_guest() == result
    assert starter.duties() == ["judge"]
    assert starter.asks(b"QUIT") == b"S\n"
    assert starter.relay.wait(PATIENCE) == 0


REASON = "the virtual machine has not started: its disk is locked"


def held(tmp_path: Path, start: str = "NULL", hold: str = "yes") -> Starter:
    """A job at fault, which the startd can put on hold; its starter takes the guest for started."""
    starter = Starter(tmp_path, start, hold=hold)
    assert starter.starts_guest() == b"2 0 1\n"
    return starter


@pytest.mark.parametrize("start", ["NULL", "VMGAHP_ERR_BAD_IMAGE", "die"])
def test_job_at_fault_goes_on_hold_with_the_reason(tmp_path: Path, start: str) -> None:
    """Once the starter serves the startd, and no earlier; then nothing is asked of the startd any more."""
    starter = held(tmp_path, start)
    assert not any(line.startswith("hold ") for line in starter.duties())
    starter.knows_guest()
    wait_for(lambda: f"hold 12.0 {REASON}" in starter.duties())
    assert starter.asks(b"CONDOR_VM_STATUS 4 1") == b"S\n"
    assert starter.result() == b"4 0 STATUS=Running\n", "or the job would end, and leave the queue"
    assert starter.asks(b"CONDOR_VM_STOP 5 1") == b"S\n"
    assert starter.result() == b"5 0 0\n"
    starter.asks(b"QUIT")
    assert starter.relay.wait(PATIENCE) == 0
    assert starter.duties()[-1] == "hold 12.0 "
    assert starter.duties().count(f"hold 12.0 {REASON}") == 1


def test_job_that_the_startd_does_not_put_on_hold_runs_again(tmp_path: Path) -> None:
    starter = held(tmp_path, hold="late")
    starter.knows_guest()
    wait_for(lambda: any("has not put the job on hold" in line for line in starter.duties()))
    assert starter.relay.poll() is None, "the starter finds the end of its pipe before that of the process"
    starter.goes()
    assert starter.relay.wait(PATIENCE) == 1
    assert starter.duties()[-1] == "hold 12.0 "


def test_job_that_is_removed_before_it_is_on_hold_leaves_nothing_asked(tmp_path: Path) -> None:
    starter = held(tmp_path)
    starter.asks(b"QUIT")
    assert starter.relay.wait(PATIENCE) == 0
    assert not any(line.startswith("hold ") for line in starter.duties())


def test_guest_of_that_name_survives_a_failed_start(tmp_path: Path) -> None:
    """The vm-gahp would destroy it, whosever it is, when it ends."""
    starter = Starter(tmp_path, "NULL")
    starter.starts_guest()
    starter.asks(b"QUIT")
    starter.relay.wait(PATIENCE)
    assert "cleaned up" not in starter.vm_gahp_heard()


def test_guest_of_that_name_survives_a_failed_start_without_a_starter(tmp_path: Path) -> None:
    starter = Starter(tmp_path, "NULL")
    for line in (b"CLASSAD", b"CLASSAD_END", b"CONDOR_VM_START 2 kvm"):
        starter.asks(line)
    starter.goes()
    starter.relay.wait(PATIENCE)
    assert "cleaned up" not in starter.vm_gahp_heard()


@pytest.mark.parametrize("code", ["VMGAHP_ERR_BAD_IMAGE", "VMGAHP_ERR_JOBCLASSAD_KVM_INVALID_DISK_PARAM"])
def test_refusal_needs_no_judge(tmp_path: Path, code: str) -> None:
    """The builder's, and HTCondor's own."""
    starter = Starter(tmp_path, code)
    assert starter.starts_guest() == f"2 1 {code}\n".encode()
    assert starter.duties() == []


@pytest.mark.parametrize("start", ["dead", "die"])
@pytest.mark.parametrize(("at_fault", "result"), [("job", BAD_IMAGE), ("node", NODE)])
def test_vm_gahp_that_dies_by_itself_is_judged_like_a_failed_start(
    tmp_path: Path, start: str, at_fault: str, result: bytes
) -> None:
    starter = Starter(tmp_path, start, at_fault)
    assert starter.version.startswith(b"$VMGahpVersion ")
    assert starter.starts_guest() == result


def test_start_that_never_finishes_is_judged_and_the_guest_destroyed(tmp_path: Path) -> None:
    Guest(tmp_path)
    starter = Starter(tmp_path, "hang")
    assert starter.starts_guest() == BAD_IMAGE
    assert "destroy u-u-i-d" in starter.duties()


def test_guest_that_is_destroyed_after_a_failed_start_does_not_end_the_job(tmp_path: Path) -> None:
    """The vm-gahp may end, or hang, after the guest has started and before it says so."""
    guest = Guest(tmp_path)
    starter = held(tmp_path, "hang")
    assert "destroy u-u-i-d" in starter.duties()
    guest.ends("destroyed")
    starter.knows_guest()
    wait_for(lambda: f"hold 12.0 {REASON}" in starter.duties())
    assert starter.relay.poll() is None
    assert not any(line.startswith("report ") for line in starter.duties()), "nobody else has destroyed it"


def test_vm_gahp_that_dies_beside_its_guest_lets_the_job_run_again(tmp_path: Path) -> None:
    """The starter finds the end of its pipe before a process has ended, which would be the end of the job."""
    starter, _ = running(tmp_path)
    starter.says(b"CONDOR_VM_STATUS 5 1")
    children = Path(f"/proc/{starter.relay.pid}/task/{starter.relay.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    wait_for(lambda: "destroy u-u-i-d" in starter.duties())
    assert starter.relay.poll() is None
    starter.goes()
    assert starter.relay.wait(PATIENCE) == 1


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [("ioerror", 74, "paused by an I/O error"), ("unknown", 71, "KVM could not run the guest any further")],
)
def test_guest_that_cannot_continue_is_reported_and_ended(tmp_path: Path, reason: str, status: int, words: str) -> None:
    starter, guest = running(tmp_path)
    guest.is_paused(reason)
    assert starter.relay.wait(PATIENCE) == status
    told = [line for line in starter.duties() if line.startswith("report ")]
    assert len(told) == 2
    assert all(words in line for line in told)


@pytest.mark.parametrize("reason", ["user", "starting up", "save"])
def test_guest_that_somebody_has_paused_is_left_alone(tmp_path: Path, reason: str) -> None:
    starter, guest = running(tmp_path)
    guest.is_paused(reason)
    time.sleep(2)
    assert starter.relay.poll() is None
    assert not any(line.startswith("report ") for line in starter.duties())


def resetting(tmp_path: Path, hold: str, resets: int = 4, before: str = "") -> Starter:
    """Return the starter of a guest that resets. before: another event before each reset."""
    (tmp_path / "resets").write_text(f"{before}event 'reboot' for domain 'alice_worker_1.0'\n" * resets)
    Guest(tmp_path)
    starter = Starter(tmp_path, hold=hold)
    starter.starts_guest()
    return starter


def test_guest_that_resets_over_and_over_puts_its_job_on_hold(tmp_path: Path) -> None:
    starter = resetting(tmp_path, "yes")
    wait_for(lambda: any(line.startswith("report the guest has reset 4 times") for line in starter.duties()))
    assert not any(line.startswith("hold ") for line in starter.duties()), "the starter does not listen yet"
    starter.knows_guest()
    wait_for(lambda: any(line.startswith("hold 12.0 the guest has reset 4 times") for line in starter.duties()))
    starter.asks(b"QUIT")
    starter.relay.wait(PATIENCE)
    assert starter.duties()[-1] == "hold 12.0 "


def test_guest_that_resets_because_its_disk_cannot_be_read_is_not_said_to_have_no_boot_loader(tmp_path: Path) -> None:
    error = "event 'io-error' for domain 'alice_worker_1.0': /srv/images/base.qcow2 (virtio-disk0) report\n"
    starter = resetting(tmp_path, "yes", before=error)
    starter.knows_guest()
    held = "hold 12.0 the guest has reset 4 times within 90 s: its disk has I/O errors"
    wait_for(lambda: any(line.startswith(held) for line in starter.duties()))


@pytest.mark.parametrize(("hold", "resets", "told"), [("no", 4, 1), ("yes", 3, 0)])
def test_policy_can_leave_it_alone_and_a_few_resets_are_nothing(
    tmp_path: Path, hold: str, resets: int, told: int
) -> None:
    starter = resetting(tmp_path, hold, resets)
    starter.knows_guest()
    time.sleep(2)
    assert len([line for line in starter.duties() if line.startswith("report ")]) == told
    assert not any(line.startswith("hold ") for line in starter.duties())
    assert starter.relay.poll() is None


def test_policy_can_leave_a_guest_that_cannot_continue_alone(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    starter = Starter(tmp_path, at_fault="node")
    starter.starts_guest()
    starter.knows_guest()
    guest.is_paused("ioerror")
    wait_for(lambda: any("paused by an I/O error" in line for line in starter.duties()))
    time.sleep(2)
    assert starter.relay.poll() is None


def test_without_its_starter_the_vm_gahp_cleans_up(tmp_path: Path) -> None:
    starter, _ = running(tmp_path)
    starter.goes()
    starter.relay.wait(PATIENCE)
    assert starter.vm_gahp_heard()[-1] == "cleaned up"


def test_bug_in_the_filter_leaves_htcondor_as_it_is_without(tmp_path: Path) -> None:
    Guest(tmp_path)
    (tmp_path / "alice_worker_1.0.log").unlink()
    (tmp_path / "alice_worker_1.0.log").mkdir()
    starter = Starter(tmp_path)
    assert starter.starts_guest() == b"2 0 1\n"
    starter.knows_guest()
    assert starter.asks(b"QUIT") == b"S\n"
    assert starter.relay.wait(PATIENCE) == 0


def with_program(tmp_path: Path) -> Path:
    """Let the job have a program. Returns the path of what is said of its end."""
    status = tmp_path / ".condor-kvm-stage/status"
    status.parent.mkdir()
    status.write_text("running\n")
    return status


@pytest.mark.parametrize(("said", "status"), [("exited 0\n", 0), ("exited 3\n", 3), ("killed TERM\n", 143)])
def test_programs_exit_status_is_the_jobs(tmp_path: Path, said: str, status: int) -> None:
    place = with_program(tmp_path)
    starter, guest = running(tmp_path)
    place.write_text(said)
    guest.ends("shutdown")
    assert starter.relay.wait(PATIENCE) == status
    assert any(line.startswith("report ") for line in starter.duties()) == (status == 143)


def test_guest_that_powers_off_before_its_program_has_ended_has_a_status_of_its_own(tmp_path: Path) -> None:
    with_program(tmp_path)
    starter, guest = running(tmp_path)
    guest.ends("shutdown")
    assert starter.relay.wait(PATIENCE) == 76
    assert "report the guest ended before the job's program did; console.log says more" in starter.duties()


def test_program_cannot_hide_that_it_has_not_ended(tmp_path: Path) -> None:
    """By removing what would be said of its end."""
    place = with_program(tmp_path)
    starter, guest = running(tmp_path)
    wait_for(lambda: any(line.startswith("started ") for line in starter.duties()))
    place.unlink()
    place.parent.rmdir()
    guest.ends("shutdown")
    assert starter.relay.wait(PATIENCE) == 76


@pytest.mark.parametrize(("said", "status"), [("running\n", 70), ("exited 3\n", 3)])
def test_guest_that_crashes_counts_until_its_program_has_ended(tmp_path: Path, said: str, status: int) -> None:
    place = with_program(tmp_path)
    starter, guest = running(tmp_path)
    place.write_text(said)
    guest.ends("crashed")
    assert starter.relay.wait(PATIENCE) == status


@pytest.mark.parametrize(("said", "status"), [("running\n", 76), ("exited 3\n", 3)])
def test_programs_end_counts_also_if_libvirt_does_not_say_how_the_guest_has_ended(
    tmp_path: Path, said: str, status: int
) -> None:
    """HTCondor then notices by itself that the guest has ended, and ends the vm-gahp."""
    place = with_program(tmp_path)
    starter, _ = running(tmp_path)
    wait_for(lambda: any(line.startswith("started ") for line in starter.duties()))
    place.write_text(said)
    assert starter.asks(b"QUIT") == b"S\n"
    assert starter.relay.wait(PATIENCE) == status
