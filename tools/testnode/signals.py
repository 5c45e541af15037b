"""Signals that end a program which has started a node: its contexts end, too, and with them the node."""

from __future__ import annotations

import signal
import sys


def exit_on_request(status: int) -> None:
    """Let SIGTERM and SIGHUP raise SystemExit with a status. What the caller ignores, as under nohup, stays ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(status))
