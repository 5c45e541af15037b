"""Replace what is private in a recorded host: names of hosts, domains and users, addresses, serial numbers, UUIDs."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import socket
from collections.abc import Iterable

HOST, DOMAIN = "worker", "example.org"
_FIRST_USER = 1000  # ids below belong to the system and its packages
# As the name of a host or user these say nothing about whose it is. Replaced everywhere, they would spoil the recording
_COMMON = re.compile(
    "admin|amd|bridge|condor|debian|default|enabled|example|false|fedora|host|htcondor|images|intel|kvm|libvirt|linux|"
    "localhost|master|nat|nfs|nobody|node|none|qemu|rocky|root|server|slot|startd|test|true|user|virt|vm|worker"
)
_UUID = re.compile(r"(?i)(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])")
_MAC = re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])")
_IPV6 = re.compile(r"(?i)(?<![\w:.])(?=[0-9a-f]*:)[0-9a-f:]{4,39}(?![\w:.])")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?![\w.-]*\w)")
_SERVER = re.compile(r"(?<=://)(?:[^/@\s]*@)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
# With a last label that is a country's or another well-known one, and no ending of a file's name; not in a path
_NAME = re.compile(
    r"(?<![\w./@\\-])(?!(?:MY|TARGET)\.)(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+"
    r"(?:com|org|net|edu|gov|mil|int|info|biz|cloud|dev|local|lan|intern|internal|corp|home|localdomain"
    r"|(?!(?:py|sh|so|md|pl|rs|ko|pm|ps)\b)[a-z]{2})(?![\w-]|\.\w)"
)
_SERIAL = re.compile(r"(?im)(?<=^serial)(\s*:\s*)\S+|(<serial>)[^<]*|(<entry name='(?:serial|uuid|asset)'>)[^<]*")
_HOME = re.compile(r"(?<=/home/)[^/\s:,;'\"]+")
_KERNEL_ADDRESS = re.compile(r"\b0x[0-9a-f]{16}\b")
_OPTIONS = ("vers", "proto", "sec", "size")  # of a mount; others with a value name addresses, users, directories


class Scrubber:
    """Replaces the same by the same everywhere. replaced: what has been replaced, and by what, for the user to read."""

    def __init__(self, hosts: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        """hosts: the names of this host, short or in full. users: the names of its people."""
        self.replaced: dict[str, str] = {}
        self._known: list[tuple[re.Pattern[str], str]] = []
        names = sorted({name for name in hosts if name}, key=lambda name: (-len(name), name))
        for full in names:
            short, _, domain = full.partition(".")
            if domain and not domain.startswith("example."):
                self._know(re.escape(full), f"{HOST}.{DOMAIN}")
            self._know_word(short, HOST)
        for full in names:
            domain = full.partition(".")[2]
            while "." in domain and domain != DOMAIN:
                self._know(rf"[\w.-]+\.{re.escape(domain)}", "")  # other hosts there: numbered
                self._know(re.escape(domain), DOMAIN)
                domain = domain.partition(".")[2]
        for number, name in enumerate(sorted(set(users)), 1):
            self._know_word(name, f"user{number}")

    def _know_word(self, word: str, stand_in: str) -> None:
        if len(word) > 2 and not _COMMON.fullmatch(word.lower()):
            self._know(re.escape(word), stand_in)

    def _know(self, pattern: str, stand_in: str) -> None:
        self._known.append((re.compile(rf"(?i)(?<![\w-]){pattern}(?![\w-])"), stand_in))

    def text(self, text: str) -> str:
        """Return a text without what is private."""
        text = _SERIAL.sub(lambda found: f"{found[1] or found[2] or found[3]}0", text)
        text = _KERNEL_ADDRESS.sub("0x0000000000000000", text)
        text = self._numbered(_UUID, "00000000-0000-4000-8000-{:012x}", text)
        text = self._numbered(_MAC, "52:54:00:00:00:{:02x}", text)
        text = self._numbered(_IPV6, "2001:db8::{:x}", text)  # RFC 3849
        text = self._numbered(_IPV4, "192.0.2.{}", text)  # RFC 5737
        text = self._numbered(_MAIL, "mail{}@example.org", text)
        for pattern, stand_in in self._known:
            text = self._numbered(pattern, stand_in or "host{}.example.org", text)
        text = self._numbered(_SERVER, "host{}.example.org", text)
        text = self._numbered(_NAME, "host{}.example.org", text)
        return self._numbered(_HOME, "home{}", text)

    def mounts(self, text: str, named: str) -> str:
        """Return a mountinfo of what is mounted at the system's places, and at those that `named` speaks of."""
        kept = []
        for line in text.splitlines():
            before, separator, after = line.partition(" - ")
            point = [*before.split(" "), *[""] * 5][4]
            if point.split("/")[1:2] not in ([""], ["proc"], ["sys"], ["dev"]) and point not in named:
                continue
            kind, source, options = [*after.split(" ", 2), "", "", ""][:3]
            source = self._numbered(re.compile(r"^[^:/\s]+(?=:/)|(?<=^//)[^/\s]+"), "host{}.example.org", source)
            words = [word for word in options.split(",") if "=" not in word or word.split("=")[0] in _OPTIONS]
            kept.append(f"{before}{separator}{kind} {source} {','.join(words)}\n")
        return self.text("".join(kept))

    def _numbered(self, pattern: re.Pattern[str], stand_in: str, text: str) -> str:
        def replace(found: re.Match[str]) -> str:
            old = found[0]
            if old in self.replaced.values() or old.lower().endswith((DOMAIN, "localhost")) or _is_no_address(old):
                return old
            if old not in self.replaced:
                number = 1
                while (new := stand_in.format(number)) in self.replaced.values() and "{" in stand_in:
                    number += 1
                self.replaced[old] = new
            return self.replaced[old]

        return pattern.sub(replace, text)


def of_this_host(configured: str = "") -> Scrubber:
    """Return a scrubber that knows the names of this host and its people. configured: the host's name for HTCondor."""
    people = {user.pw_name for user in pwd.getpwall() if _FIRST_USER <= user.pw_uid < 60000}
    return Scrubber({configured, os.uname().nodename, socket.getfqdn()}, people)


def _is_no_address(text: str) -> bool:
    """Return whether a text only looks like an IP address, or is one that every host has."""
    if not re.fullmatch(r"(?i)[0-9a-f:]*:[0-9a-f:]*|[0-9.]+", text) or _MAC.fullmatch(text):
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    short = address.version == 6 and len([part for part in text.split(":") if part]) < 2  # 0::/ in /proc/1/cgroup
    return short or address.is_loopback or address.is_unspecified or text.startswith("255.")
