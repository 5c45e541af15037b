"""Tell a refusal for want of a Kerberos ticket from one by modes: the server is asked as the job's user. Can hang."""

import errno
import os

from ..failures import EXPIRED, FORBIDDEN, AuthorizationError, ContactError, StageError
from ..text import printable
from . import mounts

_DAEMON = b"rpc.gssd"  # which gets tickets for Linux' NFS client: without it users have none, whatever they did
_ASKED_ABOUT = (*FORBIDDEN, errno.ESTALE)  # that is what Linux says of a mount's own directory


def refusal(error: OSError, path: str, doing: str) -> "StageError | None":
    """Return the failure that the server of a path takes no ticket of this user; None if that is not the reason.

    Root's tickets are the node's own: the daemon gets them with the node's keytab.

    error: what came of the path. doing: what could not be done, for example "open image /srv/x.qcow2".
    """
    if error.errno not in (*_ASKED_ABOUT, *EXPIRED):
        return None
    point, security = _kerberos_of(path)
    if not security:
        return None
    if error.errno in _ASKED_ABOUT:
        try:
            os.statvfs(point)  # which needs no right but a ticket, and which the server is always asked for
            return None
        except OSError as refused:
            error = refused
    code = error.errno or 0
    if code not in (*FORBIDDEN, *EXPIRED):
        return None
    host = os.uname().nodename
    share = f"the share at {printable(point)} wants Kerberos tickets ({security})"
    if not _daemon_runs():
        return ContactError(
            f"cannot {doing}: {share}, and {_DAEMON.decode()}, which gets them, does not run on {host}: tell its "
            "administrator; or release the job, which another node may run",
            code=code,
        )
    if os.geteuid() == 0:
        return ContactError(
            f"cannot {doing}: {share}, and the server takes none of root's on {host}: tell its administrator to check "
            "the node's keytab (klist -k); or release the job, which another node may run",
            code=code,
        )
    user = f"the job's user (uid {os.geteuid()})"
    if code in EXPIRED:
        problem = f"that of {user} on {host} has expired"
        step = "get a new one (kinit), and release the job"
    else:
        problem = f"{user} has none on {host} that the server takes"
        step = "get one (kinit), and submit the job again"
    return AuthorizationError(
        f"cannot {doing}: {share}, and {problem}; {step}; if that does not help, ask the administrator of {host} how "
        "jobs get their users' tickets there (SEC_CREDENTIAL_PRODUCER in HTCondor's manual)",
        check="ticket",
        code=code,
    )


def missing_daemon(path: str) -> str:
    """Return the name of the daemon that a path's share needs for tickets, if it does not run, else ""."""
    return _DAEMON.decode() if _kerberos_of(path)[1] and not _daemon_runs() else ""


def _kerberos_of(path: str) -> "tuple[str, str]":
    """Return the mount point of a path, and its option sec=krb5…; ("", "") if it wants no tickets, or nobody knows."""
    try:
        found = mounts.entries(mounts.load())
    except OSError:
        return "", ""
    point = mounts.nearest(list(found), path)
    kind, _, options = found[point] if point != "/" else ("", "", "")
    security = next((option for option in options.split(",") if option.startswith("sec=krb5")), "")
    return (point, security) if kind.startswith("nfs") and security else ("", "")


def _daemon_runs() -> bool:
    """Return whether the daemon runs; True, too, if other users' processes cannot be seen (proc(5), hidepid)."""
    try:
        with open("/proc/1/comm", "rb"):
            pass
    except OSError:
        return True
    for process in os.listdir("/proc"):
        if process.isdecimal():
            try:
                with open(f"/proc/{process}/comm", "rb") as file:
                    if file.read().rstrip(b"\n") == _DAEMON:
                        return True
            except OSError:
                pass  # it has ended
    return False
