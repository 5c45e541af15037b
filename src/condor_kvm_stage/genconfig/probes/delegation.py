"""Whether an NFS server delegates an image to this node: only then does the node keep what one guest read for the next.

QEMU locks each image that it opens. With a lock, Linux forgets what it has cached of a file, memory and FS-Cache alike,
unless it has a delegation (do_setlk() in its fs/nfs/file.c). It gives a program a lease on a file of NFS 4 only while
it has one (nfs4_proc_setlease() in fs/nfs/nfs4proc.c); so that is what is asked for.
"""

from __future__ import annotations

from ...host import Host
from ..outcome import PASSED, Outcome, failed, not_tried, of_answer, unknown

NOT_ON_NFS = not_tried("not on NFS")
_GIVEN, _REFUSED = "given", "EAGAIN"
# By a program, because a share may hang
_ASK = f"""
import errno, fcntl, os, sys
try:
    fcntl.fcntl(os.open(sys.argv[1], os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    print("{_GIVEN}")
"""


def probe(host: Host, kind: str, image: str) -> Outcome:
    """Return whether an image is delegated. kind: of its file system, as mountinfo has it. image: "" for none."""
    if kind == "nfs":
        return failed("NFS before version 4 has no delegations")
    if kind != "nfs4":
        return NOT_ON_NFS
    if not image:
        return not_tried("no image there could be staged")
    if not host.is_root():
        return not_tried("only root can ask")  # who has CAP_LEASE
    answer = host.run("python3", "-IBSc", _ASK, image)
    said = answer.output.strip()
    if said == _GIVEN:
        return PASSED
    if said == _REFUSED:
        return failed("its server does not delegate it to this node")
    return unknown(f"the kernel says {said}") if said else of_answer(answer)
