"""What helps if no mount leads to a server: autofs may mount it on demand, and its maps say nothing of servers."""

from ..text import is_under, printable

_SHOWN = 5  # mount points in a message
_FORM = "nfs:///absolute/path/of/image:name"


def step(found: "dict[str, tuple[str, str, str]]", server: str, path: str) -> str:
    """Return the step for a path on a server that is not mounted here. found: as mounts.entries() has it."""
    points, spelled = [], ""
    for point, (kind, source, _) in found.items():
        if kind == "autofs" and not is_under(point, "/proc"):
            points.append(point)
            if source == "-hosts":  # automount's map of all servers
                spelled = f"{printable(point)} is mounted on demand: write nfs://{printable(f'{point}/{server}{path}')}"
    if not points:
        return f"ask the administrator to mount it, or give the image's path on the node: {_FORM}"
    if spelled and len(points) == 1:
        return spelled
    shown = printable(", ".join(points[:_SHOWN])) + (
        f" and {len(points) - _SHOWN} more" if len(points) > _SHOWN else ""
    )
    return (
        f"if it is what autofs mounts on demand ({shown}), write the image's path on the node, {_FORM}, which mounts "
        "it; else ask the administrator to mount it"
    )
