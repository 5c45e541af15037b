"""How a job is refused so that it goes on hold, and the node keeps its VM universe.

A domain that libvirt does not start costs the whole node its VM universe, and the job goes on to the next; where the
script fails, HTCondor falls back to a definition of its own, without any of our checks. There is one exception: an
error of libvirt's with certain words (VirshType::Start() of HTCondor) counts as the job's fault, and libvirt's errors
repeat what they complain about. So a refusal is a domain of an impossible type, which has those words.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from ..text import printable

# HTCondor 25 and 23, src/condor_vm-gahp/xen_type.linux.cpp
_WORDS = "image is not in qcow2 format"
_LONGEST = 1000  # characters of a reason, which may show what the job says; libvirt takes 4 MiB for all


def domain(reason: str) -> bytes:
    """Return what the vm-gahp is to give to libvirt, which refuses it. The reason appears in HTCondor's VMGahpLog."""
    shown = _short(reason).encode("ascii", "replace").decode()
    domain = Element("domain", type=f"condor-kvm-stage: {shown} [for HTCondor: {_WORDS}]")
    SubElement(domain, "name").text = "refused"  # else libvirt complains of that first
    return bytes(tostring(domain))


def hook(reason: str, status: int) -> str:
    """Return what a hook of the starter says to put the job on hold: the reason becomes the hold reason.

    status: the sub-code, 1 to 299. See HTCondor's manual, "Job Hooks", HookStatusMessage.
    """
    quoted = _short(reason).replace("\\", "/").replace('"', "'")
    return f'HookStatusMessage = "{quoted}"\nHookStatusCode = {status}\n'


def _short(reason: str) -> str:
    shown = printable(reason)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST // 2] + " … " + shown[-_LONGEST // 2 :]
