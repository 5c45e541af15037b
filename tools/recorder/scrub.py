"""Replace what is private in a recorded host: names of hosts, domains and users, addresses, serial numbers, UUIDs."""

from __future__ import annotations

import os
import pwd
import re
import socket
from pathlib import Path

HOST, DOMAIN = "worker", "example.org"
_IPV4 = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_MAC = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![\w:])")
_IPV6 = re.compile(rf"(?!{_MAC.pattern})(?<![\w:])(?:[0-9a-fA-F]{{0,4}}:){{3,7}}[0-9a-fA-F]{{0,4}}(?![\w:])")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_FIRST_USER = 1000  # ids below belong to the system and its packages


class Scrubber:
    """Knows this host's names. replaced: what was found and taken out, for the user to read."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = sorted(names.items(), key=lambda item: -len(item[0]))
        self.replaced: set[str] = set()

    def text(self, text: str) -> str:
        """Return a text without what is private."""
        for name, stand_in in self._names:
            pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
            text = self._sub(pattern, stand_in, text)
        text = self._sub(_UUID, "00000000-0000-0000-0000-000000000000", text)
        text = self._sub(_MAC, "52:54:00:00:00:01", text)
        text = self._sub(_IPV4, "192.0.2.1", text)  # RFC 5737
        return self._sub(_IPV6, "2001:db8::1", text)  # RFC 3849

    def folder(self, folder: Path) -> None:
        """Scrub every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                before = path.read_text(encoding="utf-8", errors="replace")
                after = self.text(before)
                if after != before:
                    path.write_text(after, encoding="utf-8")

    def _sub(self, pattern: re.Pattern[str], stand_in: str, text: str) -> str:
        def replace(found: re.Match[str]) -> str:
            if found[0].lower() != stand_in.lower():
                self.replaced.add(found[0])
            return stand_in

        return pattern.sub(replace, text)


def of_this_host() -> Scrubber:
    """Return a scrubber that knows the names of this host, its domain and its people."""
    short, _, domain = socket.getfqdn().partition(".")
    names = {os.uname().nodename: HOST, short: HOST}
    if domain and "." in domain:
        names[domain] = DOMAIN
    people = [user for user in pwd.getpwall() if _FIRST_USER <= user.pw_uid < 60000]
    names.update({user.pw_name: f"user{number}" for number, user in enumerate(people, 1)})
    return Scrubber({name: stand_in for name, stand_in in names.items() if len(name) > 1 and name != "localhost"})
