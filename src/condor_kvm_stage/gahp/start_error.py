"""What libvirt has said of a start that failed, from the log of HTCondor's vm-gahp, in short and with a next step."""

from __future__ import annotations

import os
import re

from ..host import Host
from ..leftovers.private_dirs import SUFFIX
from ..record import dataclass
from ..text import printable

_MOST = 1 << 20  # bytes at the end of the log that are searched
_TIMEOUT = 20  # seconds for condor_config_val
# VirshType::Start() of HTCondor. The snippet has the process in each entry (D_PID); an error may have several lines.
_ERROR = "(pid:{}) Failed to create libvirt domain: "
_BANNER = "(pid:{}) ******"  # around its first entry
_NO_KVM = (
    r"^\S+ \S+ (?:\(pid:{process}\) File\(/dev/kvm\) can't be \w+"
    r"|{error}invalid argument: could not get preferred machine for \S+ type=kvm)$"
)
_NEXT_ENTRY = re.compile(r"\n[^\n]*\(pid:\d+\) ")
_REFUSED = re.compile(r"condor-kvm-stage: (.*) \[for HTCondor: ", re.DOTALL)  # see domain/refusal.py
# libvirt's client, of its connection; not somewhere in a text, because QEMU's errors have names that a job chooses
_LOST = re.compile(r"End of file while reading data: |Cannot (?:recv|write) data: |client socket is closed")
_LONGEST = 400  # characters
# What says nothing to a user: when QEMU spoke, its options, and what libvirt was doing
_NOISE = (
    re.compile(r"\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|\+0000):? ?"),
    re.compile(r"^internal error: |process exited while connecting to monitor: (?=.)"),
    re.compile(r"(?<!/)\bqemu-[-\w]+: (?:-\w+ (?:\{.*?\}|\S+): )?"),
    re.compile(r"QEMU unexpectedly closed the monitor \(vm='[^']*'\): "),
    re.compile(rf"/[^' ]*{re.escape(SUFFIX)}/"),  # the directory of the job's disks
)
_NEXT_STEPS = (
    (r"Failed to (?:get .* lock|lock)|another process using", "release the job when no other process uses the disk"),
    (r"annot allocate memory|cannot set up guest memory", "the node has no such memory now: lower request_memory"),
    (r"already exists|already active", "release the job when the other virtual machine has ended"),
    (r"No such file or directory", "a file of the job has disappeared: release the job, to have it staged again"),
    (
        r"connecting to monitor$|closed the monitor \(vm='[^']*'\)$",  # and QEMU has said nothing
        "QEMU was killed while it started, which processes of the job's user can do, or it crashed",
    ),
    (r"not in qcow2 format|Image is corrupt|too (?:small|short|large)", "check the disk image: qemu-img check"),
)


@dataclass(frozen=True)
class StartError:
    """Why a guest has not started."""

    text: str  # "" if that is not known
    node: str = ""  # what was wrong with the node during the start, "" for nothing; it may be well again by now


def read(host: Host, process: int) -> StartError:
    """Return why a guest has not started. process: the id of the vm-gahp."""
    log = _log(host)
    return StartError(find(log, process), _of_node(log, process))


def _of_node(log: str, process: int) -> str:
    if _LOST.match(_error(log, process)):
        return "libvirt's daemon ended while the guest started"
    return "there was no /dev/kvm when the guest was to start" if tells_of_no_kvm(log, process) else ""


def find(log: str, process: int) -> str:
    """Return what the vm-gahp of this process id has logged last of a failed start, "" if it has not."""
    error = _error(log, process)
    return _short(error) if error else ""


def _log(host: Host) -> str:
    """Return the end of the vm-gahps' log, "" if it cannot be read."""
    path = host.run("condor_config_val", "VM_GAHP_LOG", timeout=_TIMEOUT).output.strip()
    if not path.startswith("/"):
        return ""
    try:
        with open(host.path(path), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST))
            return file.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return ""


def _error(log: str, process: int) -> str:
    """Return libvirt's error, in full, "" if there is none."""
    _, found, after = log.rpartition(_ERROR.format(process))
    return _NEXT_ENTRY.split(after, maxsplit=1)[0] if found else ""


def tells_of_no_kvm(log: str, process: int) -> bool:
    """Return whether the vm-gahp of this process id, or libvirt, has logged that there is no KVM. Nothing else fits.

    These words are whole, so a job cannot put them into a name that is logged.
    """
    _, _, own = log.rpartition(_BANNER.format(process))  # an earlier process may have had the same id
    words = _NO_KVM.format(process=process, error=re.escape(_ERROR.format(process)))
    return bool(re.search(words, own, re.MULTILINE))


def _short(error: str) -> str:
    refused = _REFUSED.search(error)
    if refused:
        return printable(refused.group(1))
    step = next((f"; {step}" for pattern, step in _NEXT_STEPS if re.search(pattern, error)), "")
    for noise in _NOISE:
        error = noise.sub("", error)
    error = printable(" ".join(error.split()))
    return (error if len(error) <= _LONGEST else error[:_LONGEST] + "…") + step
