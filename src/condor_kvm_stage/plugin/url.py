"""The URLs that the plug-in takes: which image, and the name of its overlay. Knows nothing of files."""

from ..errors import KvmStageError, printable

FORM = "nfs:///absolute/path/of/image:name"

# HTCondor splits vm_disk at commas and colons, and pastes the names into the domain's XML as they are.
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-")


class UrlError(KvmStageError):
    """The URL cannot be what the user meant."""


class StageUrl:
    """What a URL asks for: an overlay called `name` (a plain file name) of the image at `image` (absolute path)."""

    __slots__ = ("image", "name")

    def __init__(self, image: str, name: str) -> None:
        self.image = image
        self.name = name


def parse(url: str) -> StageUrl:
    """Parse `nfs:<absolute path>:<name>` or `nfs://<absolute path>:<name>`.

    The last colon separates the name, so the path may contain colons and the name may not: neither may the
    name in a job's `vm_disk`, whose fields HTCondor splits there (condor_submit(1)).

    Raises UrlError.
    """
    shown = printable(url)
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() != "nfs":
        raise UrlError(f"{shown}: not an nfs URL; write {FORM}")
    if rest.startswith("//"):
        rest = rest[2:]
        if rest and not rest.startswith("/"):
            server = rest.split("/", 1)[0]
            raise UrlError(
                f"{shown}: names a server ({printable(server)}), but images are found by their path on the execution "
                f"point; write {FORM}, with three slashes"
            )
    if not rest.startswith("/"):
        raise UrlError(f"{shown}: the image's path is not absolute; write {FORM}")
    image, colon, name = rest.rpartition(":")
    if not colon:
        raise UrlError(
            f"{shown}: does not name the overlay; append a colon and the disk's name in vm_disk, as in {FORM}"
        )
    _check_name(name, shown)
    return StageUrl(image, name)


def _check_name(name: str, shown: str) -> None:
    """Refuse a name that could leave the scratch directory or that would not survive its way to QEMU."""
    reason = ""
    if not name:
        reason = "is empty"
    elif "/" in name:
        reason = "contains a slash"
    elif name.startswith("."):
        reason = "begins with a dot"
    elif not _SAFE.issuperset(name):
        reason = "contains other characters than ASCII letters, digits and . _ + -"
    if reason:
        raise UrlError(
            f"{shown}: the overlay's name '{printable(name)}' {reason}; "
            f"use a plain file name, the one in vm_disk, as in {FORM}"
        )
