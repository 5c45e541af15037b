"""Write an entry about a job's virtual machine to systemd's journal, with fields. Never fails, and never waits.

journald's native protocol: a datagram with a line for each field; a value with a line break is preceded by its length.
The plug-in uses this, so it imports nothing that takes time: `_socket` is what is fast of `socket`.
"""

from . import installed
from .text import printable, to_bytes

IDENTIFIER = "condor-kvm-stage"
STAGED, REFUSED, STARTED, ENDED = "staged", "refused", "started", "ended"
_PRIORITIES = {STAGED: 6, REFUSED: 5, STARTED: 6, ENDED: 6}  # levels of syslog(3)
_LONGEST = 4096  # bytes of a value: a large datagram would not be taken


def send(event: str, message: str, **fields: str) -> None:
    """Write an entry. event: one of the above. fields: by names without KVM_STAGE_, in lower case; "" is left out."""
    try:
        from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, socket

        connection = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
        try:
            connection.sendto(datagram(event, message, fields), installed.JOURNAL)
        finally:
            connection.close()
    except (ImportError, OSError, ValueError):
        pass  # no journal, one that is busy, or text that cannot be encoded: nothing depends on it


def datagram(event: str, message: str, fields: "dict[str, str]") -> bytes:
    """Return an entry as journald expects it. Raises ValueError for text that cannot be encoded."""
    values = {
        "MESSAGE": printable(message),
        "PRIORITY": str(_PRIORITIES[event]),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "KVM_STAGE_EVENT": event,
        **{f"KVM_STAGE_{name.upper()}": value for name, value in fields.items() if value},
    }
    return b"".join(_field(*item) for item in values.items())


def _field(name: str, value: str) -> bytes:
    data = to_bytes(value)[:_LONGEST]
    if b"\n" in data:
        return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
    return name.encode() + b"=" + data + b"\n"
