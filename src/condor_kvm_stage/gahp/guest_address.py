"""Find out a guest's address on its network, and tell the user, by an attribute of the job.

In a process of its own, because virsh may have to wait: nobody waits for it. It asks often at first, as long as the
guest boots, and then ever more rarely.
"""

from __future__ import annotations

import ipaddress
import select
from collections.abc import Callable, Iterable

from ..host import Host
from ..leftovers import guest_definition, virsh
from ..leftovers.guest_status import GuestStatus

ATTRIBUTE = "ChirpGuestAddress"
_FIRST, _FACTOR, _LONGEST = 5.0, 1.5, 300.0  # seconds between two questions: at first, how it grows, at most
_TIMEOUT = 20  # seconds for an answer
_AGENT, _AGENTS_TIMEOUT = "agent", 5  # seconds for what the guest's agent has to say
_MOST = 64  # words of an answer that are looked at
# What is asked, by the type of the interface: the leases of libvirt's own network, or the guest's agent, and what the
# host has heard of the guest. Behind the type `user` no address of the guest can be reached.
_SOURCES = {"network": ("lease",), "bridge": (_AGENT, "arp")}


def is_reachable(status: GuestStatus) -> bool:
    """Return whether the guest is in a network where others could reach it."""
    return guest_definition.network(status.definition) in _SOURCES


def watch(status: GuestStatus, process: int, tell: Callable[[str], None]) -> None:
    """Tell the guest's address, and each new one, until its QEMU has ended. process: its pidfd."""
    sources = _SOURCES[guest_definition.network(status.definition)]
    told, pause = "", _FIRST
    while not select.select([process], [], [], pause)[0]:
        pause = min(pause * _FACTOR, _LONGEST)
        found = _ask(Host(), status.uuid, sources)
        if found and found != told:
            tell(found)
            told = found


def _ask(host: Host, uuid: str, sources: Iterable[str]) -> str:
    """Return the guest's address, "" if it is not known."""
    for source in sources:
        if source == _AGENT and not _limit(host, uuid):
            continue
        answer = virsh.run(host, _TIMEOUT, "domifaddr", uuid, "--source", source)
        found = address(answer.output) if answer.status == 0 else ""
        if found:
            return found
    return ""


def _limit(host: Host, uuid: str) -> bool:
    """Let libvirt wait for the guest's agent for some seconds only. Returns whether it does.

    Else it waits for ever: an agent that answers nothing would keep one of the few threads of its daemon, whatever
    becomes of virsh, and so a few guests the whole daemon.
    """
    return virsh.run(host, _TIMEOUT, "guest-agent-timeout", uuid, "--timeout", str(_AGENTS_TIMEOUT)).status == 0


def address(printed: str) -> str:
    """Return the first address that others can reach, of what virsh has printed: of IPv4 if possible. "" for none.

    The agent's answer is what the guest says.
    """
    found = [known for known in map(_parsed, printed.split()[:_MOST]) if known]
    return str(min(found, key=lambda known: known.version, default=""))


def _parsed(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address in a word such as 192.168.122.5/24, None if there is none that others can reach."""
    host, slash, prefix = word.partition("/")
    if not slash or not prefix.isdecimal() or "%" in host:  # an address with a scope means something to the guest alone
        return None
    try:
        known = ipaddress.ip_address(host)
    except ValueError:
        return None
    if known.is_loopback or known.is_link_local or known.is_multicast or known.is_unspecified or known.is_reserved:
        return None
    return known
