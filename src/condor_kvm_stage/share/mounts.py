"""Map a server's exports to this node's NFS mounts, from /proc/self/mountinfo (proc_pid_mountinfo(5))."""

import os

from ..failures import ContactError, ParameterError, ResolutionError, StageError
from ..text import is_under, printable
from . import on_demand, servers

MOUNTINFO = "/proc/self/mountinfo"
FSTAB = "/etc/fstab"
_FILE_SYSTEMS = ("nfs", "nfs4")
_SHOWN = 5  # mounts in a message
_OCTAL = {f"{ord(c):03o}": c for c in " \t\n\\#"}  # what the kernel escapes


class NfsMount:
    """An NFS mount of this node."""

    __slots__ = ("export", "mount_point", "port", "server")

    def __init__(self, server: str, export: str, mount_point: str, port: int = servers.PORT) -> None:
        self.server = server  # as servers.canonical() has it
        self.port = port
        self.export = export  # absolute path on the server
        self.mount_point = mount_point  # absolute path on this node

    def exports(self, path: str) -> bool:
        """Return whether a path on the server is in what is mounted here."""
        return path == self.export or is_under(path, self.export)


def read() -> "list[NfsMount]":
    """Return the NFS mounts of this node. Raises OSError if there is no mountinfo."""
    return parse(load())


def load() -> str:
    """Return the text of this node's mountinfo. Raises OSError if there is none."""
    with open(MOUNTINFO, "rb") as file:
        return os.fsdecode(file.read())


def parse(mountinfo: str) -> "list[NfsMount]":
    """Return the NFS mounts in the text of a mountinfo."""
    found = []
    for mount_point, (kind, source, options) in entries(mountinfo).items():
        # Of a bind mount too the source is the directory that is mounted (nfs_show_devname in Linux' fs/nfs/super.c).
        server, colon, export = source.partition(":/")
        if kind in _FILE_SYSTEMS and colon:
            found.append(NfsMount(servers.canonical(server), "/" + export.strip("/"), mount_point, _port(options)))
    return found


def _port(options: str) -> int:
    """Return the server's port. Linux shows another than NFS' own; older versions show 0 for that."""
    given = [option[5:] for option in options.split(",") if option.startswith("port=")]
    return int(given[-1]) if given and given[-1].isdecimal() and given[-1] != "0" else servers.PORT


def at(mountinfo: str, directory: str) -> "tuple[str, str, str]":
    """Return the type, source and options of the mount that a directory is on; "" for the root file system."""
    found = entries(mountinfo)
    point = nearest(list(found), directory)
    return found[point] if point != "/" else ("", "", "")


def points(mountinfo: str) -> "list[str]":
    """Return the mount points in the text of a mountinfo."""
    return list(entries(mountinfo))


def planned(fstab: str) -> "list[str]":
    """Return the mount points in the text of an fstab(5) that are mounted at boot."""
    lines = [line.split() for line in fstab.split("\n") if not line.lstrip().startswith("#")]
    return [_unescaped(fields[1]) for fields in lines if len(fields) > 3 and "noauto" not in fields[3].split(",")]


def not_mounted(error: StageError, path: str) -> "ContactError | None":
    """Return the failure for a path that is not there because what it is on is not mounted, by fstab(5) or autofs.

    error: that it is not there. None if that is not the reason. The job is not at fault: another node may have it.
    """
    found = entries(load())
    here = nearest(list(found), path)
    if here in found and found[here][0] == "autofs":
        # which says the same of what is not in its maps and of a server that does not answer
        return ContactError(
            f"{str(error).partition('; ')[0]}; {printable(here)} is autofs', which has mounted nothing there on "
            f"{os.uname().nodename}: check the path in the submit file; if it is right, the server may not answer: "
            "release the job later, or tell the administrator",
            code=error.code,
        )
    try:
        with open(FSTAB, "rb") as file:
            wanted = nearest(planned(os.fsdecode(file.read())), path)
    except OSError:
        return None
    if len(wanted) <= len(here):  # both are above the path
        return None
    problem = str(error).partition("; ")[0]
    return ContactError(
        f"{problem}; {printable(wanted)} is not mounted on {os.uname().nodename}, as {FSTAB} says: tell its "
        "administrator, or release the job, which another node may run",
        code=error.code,
    )


def nearest(points: "list[str]", directory: str) -> str:
    """Return the mount point that a directory is on, "/" for the root file system."""
    return max([point for point in points if point != "/" and is_under(directory + "/", point)], key=len, default="/")


def entries(mountinfo: str) -> "dict[str, tuple[str, str, str]]":
    """Return the type, source and options of each mount, by mount point."""
    found: dict[str, tuple[str, str, str]] = {}
    for line in mountinfo.split("\n"):
        # id, parent, device, root, mount point, options, optional fields …, "-", type, source, options
        before, _, after = line.partition(" - ")
        fields, source = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(source) < 2:
            continue
        mount_point = _unescaped(fields[4])
        found.pop(mount_point, None)
        found[mount_point] = (source[0], _unescaped(source[1]), source[2] if len(source) > 2 else "")
    return found


def local_path(server: str, path: str, mounts: "list[NfsMount]") -> str:
    """Return where `path` on `server` is on this node; of the exports that contain it, the longest counts.

    server: as servers.parse() has it. Raises ResolutionError, with the mounts of this node.
    """
    names = [name for name in path.split("/") if name not in ("", ".")]  # of //, too (RFC 2224, section 2)
    if ".." in names:
        raise ParameterError(f"{printable(path)} on {printable(server)}: write the path on the server without '..'")
    path = "/" + "/".join(names)
    host, port = servers.split(server)
    of_server = [m for m in mounts if m.server == host and port in (0, m.port)]
    leading = [mount for mount in of_server if mount.exports(path)]
    if leading:
        best = max(leading, key=lambda mount: len(mount.export))
        return os.path.join(best.mount_point, path[len(best.export) :].lstrip("/"))
    shown = ", ".join(f"{m.server}:{m.export} on {m.mount_point}" for m in mounts[:_SHOWN]) or "none"
    more = f" and {len(mounts) - _SHOWN} more" if len(mounts) > _SHOWN else ""
    step = _hint(host, port, path, mounts) or on_demand.step(entries(load()), host, path)
    raise ResolutionError(
        f"no NFS mount of {os.uname().nodename} leads to {printable(path)} on the server {printable(server)} "
        f"(mounted here: {printable(shown)}{more}); {step}"
    )


def _hint(host: str, port: int, path: str, mounts: "list[NfsMount]") -> str:
    """Return the step that helps if no mount leads to a path, "" if no particular mistake shows."""
    leading = [mount for mount in mounts if mount.exports(path)]
    for mount in leading:
        if mount.server == host:
            return f"it is mounted here by port {mount.port}, not {port}; write that, or no port"
    for mount in leading:
        if _is_short_for(host, mount.server):
            return f"the mount here calls the server {printable(mount.server)}: write that name"
    for mount in mounts:
        if is_under(path, mount.mount_point) and mount.server == host:
            inside = path[len(mount.mount_point.rstrip("/")) :]
            return (
                f"that is the path on this node: write nfs://{printable(path)}, or the path on the server, "
                f"{printable(mount.export.rstrip('/') + inside)}"
            )
    for mount in mounts:
        if is_under(f"/{host}{path}", mount.mount_point):
            return f"for a path on this node write three slashes: nfs:///{printable(host + path)}"
    return ""


def _is_short_for(one: str, other: str) -> bool:
    """Return whether one of two host names is the other without its domain."""
    return other.startswith(one + ".") or one.startswith(other + ".")


def server_of(path: str) -> str:
    """Return the server of a path on this node: `server:/export` of the longest mount point above it, else the node."""
    above = [mount for mount in read() if is_under(path, mount.mount_point)]
    if not above:
        return os.uname().nodename
    nearest = max(above, key=lambda mount: len(mount.mount_point))
    return f"{nearest.server}:{nearest.export}"


def _unescaped(text: str) -> str:
    """Return a field of mountinfo with its octal escapes (\\040 for a blank) replaced."""
    first, *rest = text.split("\\")
    return first + "".join(_OCTAL.get(part[:3], "\\" + part[:3]) + part[3:] for part in rest)
