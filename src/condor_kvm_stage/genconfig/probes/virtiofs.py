"""Whether guests can have their jobs' files: the host's virtiofsd, and whether it can run as a job's user."""

from __future__ import annotations

import json
from collections.abc import Callable

from ...answer import Answer
from ...host import Host
from ..outcome import PASSED, Outcome, failed, of_answer

# Where packages say which programs serve devices of guests (QEMU's docs/interop/vhost-user.json); libvirt looks there
DIRECTORIES = ("/etc/qemu/vhost-user", "/usr/share/qemu/vhost-user")
# By this option it needs no privileges (virtiofsd 1.13)
_NEEDED = "--translate-uid"
# Reasons why not
NO_PROGRAM = "there is no virtiofsd"
NO_LIBVIRT = "libvirt, or its QEMU, does not know virtiofs"


def start(host: Host) -> Callable[[], tuple[str, Outcome]]:
    """Start asking virtiofsd. Returns a function that gives its path, "" if there is none, and whether it can serve."""
    path = _find(host)
    if not path:
        return lambda: ("", failed(NO_PROGRAM))
    answer = host.start(path, "--help")
    return lambda: (path, _outcome(path, answer()))


def _outcome(path: str, answer: Answer) -> Outcome:
    if answer.status != 0:
        return of_answer(answer)
    if _NEEDED not in answer.output:
        return failed(f"{path} is older than version 1.13, and cannot run as a job's user")
    return PASSED


def _find(host: Host) -> str:
    """Return the path of the first program of the type "fs" that the host's packages name, "" if there is none."""
    for directory in DIRECTORIES:
        for name in host.names(directory):
            try:
                said = json.loads(host.text(f"{directory}/{name}") or "")
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("type") == "fs" and isinstance(said.get("binary"), str):
                path = host.program(said["binary"])
                if path:
                    return path
    return ""
