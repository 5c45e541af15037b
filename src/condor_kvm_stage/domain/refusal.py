"""Refuse a job so that it is put on hold, and the node keeps its VM universe.

If libvirt does not start a domain, HTCondor disables VM universe on the whole node, and the job moves on to the next
one; if the script fails, HTCondor falls back to its own definition, without any of our checks. There is one exception:
a libvirt error that contains certain words (VirshType::Start() of HTCondor) counts as the job's fault, and libvirt's
errors quote what is invalid. So a refusal is a domain with an invalid type that contains those words.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from ..text import ad_string, printable

# HTCondor 25 and 23, src/condor_vm-gahp/xen_type.linux.cpp
_WORDS = "image is not in qcow2 format"
_LONGEST = 1000  # characters of a reason, which may quote the job; libvirt accepts 4 MiB in total


def domain(reason: str) -> bytes:
    """Return a definition that libvirt refuses. The reason appears in HTCondor's VMGahpLog."""
    shown = _short(reason).encode("ascii", "replace").decode()
    domain = Element("domain", type=f"condor-kvm-stage: {shown} [for HTCondor: {_WORDS}]")
    SubElement(domain, "name").text = "refused"  # otherwise libvirt reports the missing name first
    return bytes(tostring(domain))


def hook(reason: str, status: int) -> str:
    """Return the output of a starter hook that puts the job on hold: the reason becomes the hold reason.

    status: the sub-code, 1 to 299. See HTCondor's manual, "Job Hooks", HookStatusMessage.
    """
    return f"HookStatusMessage = {ad_string(_short(reason))}\nHookStatusCode = {status}\n"


def _short(reason: str) -> str:
    shown = printable(reason)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST // 2] + " … " + shown[-_LONGEST // 2 :]
