"""Put right what can be without harm, as far as the policy lets this: what jobs that have ended have left."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ..host import Host
from ..leftovers import private_dirs, remove
from ..messages import NOTICE, Message
from . import guests, logs
from .guests import Guests
from .state import State


def leftovers(host: Host, found: Guests, execute: str, state: State) -> Generator[Message, None, Guests]:
    """Destroy the guests of jobs that have ended, and remove their directories. Yields a message for each.

    execute: HTCondor's EXECUTE, "" if it does not answer. libvirt is asked only if there is such a guest. Returns the
    guests that are there now.
    """
    there = found
    if found.orphans:
        yield from remove.destroy_orphans(host)
        there = guests.look(host)
        state.healed += max(0, found.orphans - there.orphans)
    for path in private_dirs.sweep(str(host.path(execute))) if execute.startswith("/") else ():
        state.healed += 1
        yield Message(f"Removed {path}, left by a job that has ended", NOTICE)
    return there


def old_logs(host: Host, state: State, now: int) -> Iterator[Message]:
    """Remove libvirt's logs of guests of jobs that ended a week ago. Yields a message if there were some."""
    if now - state.logs < logs.EVERY:
        return
    state.logs = now
    removed = logs.remove_old(host, now)
    state.healed += len(removed)
    if removed:
        yield Message(f"Removed {len(removed)} logs of guests whose jobs ended a week ago: {removed[0]} …", NOTICE)
