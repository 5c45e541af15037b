"""What is probably wrong with a server and path that no mount of this node leads to. For messages only."""

from ..text import printable
from .paths import is_under

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .mounts import NfsMount


def hint(host: str, port: int, path: str, mounts: "list[NfsMount]") -> str:
    """Return the step that helps, "" if nothing in particular seems to be wrong. path: absolute, on the server."""
    leading = [m for m in mounts if path == m.export or is_under(path, m.export)]
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
