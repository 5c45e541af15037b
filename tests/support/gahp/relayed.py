"""The relay in a process of its own, between a test, which is the starter, and a fake vm-gahp.

Arguments: a directory, what becomes of the start (see fake_vm_gahp.py), who is at fault: "job" or "node", whose guests
are also left alone if they cannot continue; and whether the startd puts jobs on hold: "yes", "late" (never), "no", or
"silent" if libvirt also says nothing. The directory has libvirt's files of the guest; what the relay did besides
relaying is noted in its file `duties`. While there is a file `telling`, the user has not heard what he is told; while
there is `printing`, with the most seconds to wait for that, what the guest has printed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from condor_kvm_stage import installed
from condor_kvm_stage.gahp import guest_care, hold_request, program_end, relay
from condor_kvm_stage.gahp.duties import Duties
from condor_kvm_stage.gahp.guest_watch import GuestWatch
from condor_kvm_stage.gahp.relay import Relay
from condor_kvm_stage.gahp.start_error import StartError
from condor_kvm_stage.gahp.vm_gahp import VmGahp
from condor_kvm_stage.job import Job
from condor_kvm_stage.leftovers import guest_status

FAKE = Path(__file__).with_name("fake_vm_gahp.py")
STARTER, STARTED = 4242, 17  # which the guest's metadata names


def main(directory: str, start: str, at_fault: str, hold: str = "no") -> int:
    """Relay. Returns the exit status of the job."""
    guest_status.DIRECTORY = installed.GUEST_LOGS = directory
    relay.START_TIMEOUT = 2 if start == "hang" else relay.START_TIMEOUT
    hold_request.TIMEOUT = 1 if hold == "late" else hold_request.TIMEOUT
    guest_care.PATIENCE = 1
    printing = Path(directory) / "printing"
    guest_care.PARTING = float(printing.read_text()) if printing.exists() else guest_care.PARTING
    guest_care.LOOK, guest_care.IDLE = 0.05, 0.2

    def note(text: str) -> None:
        with open(f"{directory}/duties", "a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def judge(_: StartError) -> str:
        note("judge")
        return "" if at_fault == "job" else "it has no KVM"

    def said() -> StartError:
        return StartError("" if hold == "silent" else "its disk is locked")

    def destroy(guest: GuestWatch) -> None:
        note(f"destroy {guest.status.uuid}")
        os.kill(guest.status.pid, signal.SIGKILL)

    job = Job(directory, os.getuid(), os.getgid(), STARTER, STARTED)
    duties = Duties(
        judge=judge,
        said=said,
        can_hold=lambda: hold in ("yes", "late"),
        hold=lambda job, reason: note(f"hold {job} {reason}"),
        full_disk=lambda: "end" if at_fault == "job" else "wait",
        reset_loop=lambda: "hold" if hold == "yes" else "wait",
        resets=lambda _: ["sh", "-c", f"cat < {directory}/resets"],
        clean=lambda: note("clean"),
        destroy=destroy,
        note_start=lambda guest: note(f"started {guest.status.name}"),
        note_end=lambda _, end, is_stopped: note(f"ended {end.name if end else end} {is_stopped}"),
        program_end=lambda: program_end.read(job),
        find_address=lambda guest: note(f"find the address of {guest.status.name}"),
        report=lambda text: note(f"report {text}"),
        is_told=lambda: not os.path.exists(f"{directory}/telling"),
        is_console_told=lambda: not os.path.exists(f"{directory}/printing"),
        log=lambda text: note(f"log {text}"),
    )
    return Relay(VmGahp(sys.executable, [str(FAKE), start, f"{directory}/heard"]), job, duties).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
