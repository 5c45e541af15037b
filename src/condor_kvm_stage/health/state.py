"""What one run must know of those before: since when something is silent, which probes are left, what was mounted."""

from __future__ import annotations

import json

from .. import atomic_file, installed
from ..host import Host
from ..record import asdict, dataclass, field


@dataclass
class State:
    """Lost at a boot, like all that it speaks of. Times are Unix times."""

    silent: dict[str, int] = field(default_factory=dict)  # since when, by what was asked
    # Probes that could not be killed, because a share does not answer: process id and start time, by mount point
    probes: dict[str, list[int]] = field(default_factory=dict)
    mount_points: dict[str, str] = field(default_factory=dict)  # on which each image directory was
    facts: str = ""  # a checksum of the guest facts, and of what they depend on, when they were last compared
    logs: int = 0  # when old logs were last looked for
    healed: int = 0  # how many things were put right
    faults: dict[str, str] = field(default_factory=dict)  # the reason for each, by the check's name
    changed: int = 0  # when the names of the faults last became others

    def is_silent(self, what: str, answered: bool, now: int, patience: int) -> bool:
        """Note whether something has answered. Returns whether it has been silent for longer than patience, seconds.

        A busy node is slow: that there was no answer in time once says nothing.
        """
        if answered:
            self.silent.pop(what, None)
            return False
        return now - self.silent.setdefault(what, now) >= patience


def load(host: Host) -> State:
    """Return what the last run has kept; nothing if there was none, or one of another version."""
    try:
        document = json.loads(host.text(installed.HEALTH_STATE) or "{}")
        state = State(**document)
    except (ValueError, TypeError, RecursionError):
        return State()
    alike = all(type(value) is type(default) for value, default in zip(vars(state).values(), vars(State()).values()))
    return state if alike else State()


def keep(state: State, host: Host) -> None:
    """Keep it for the next run. Raises WriteError."""
    atomic_file.write(host.path(installed.HEALTH_STATE), json.dumps(asdict(state)).encode() + b"\n")
