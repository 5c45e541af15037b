"""Parse the plug-in's URLs: an image and its overlay's name, or the destination of an output file. No file access.

The specification is in vm-nfs-plugin(1), section "URLS".
"""

from .. import sizes
from ..failures import ParameterError
from ..text import printable, to_bytes, to_text

FORM = "nfs:///absolute/path/of/image:name"
UPLOAD_FORM = "nfs:///absolute/directory/"

# HTCondor splits vm_disk at commas and colons, and pastes the names into the domain's XML without quoting.
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-")
_STAGE_OPTIONS = ("size", "format", "mode")
_HEX = frozenset("0123456789abcdefABCDEF")


class StageUrl:
    """What to stage. All values can be sent to the child (marshal)."""

    def __init__(
        self, path: str, name: str, server: str = "", size: int = 0, format: str = "", copy: bool = False
    ) -> None:
        self.server = server  # lower case; "" if `path` is a path on this node
        self.path = path  # of the image, absolute; with a server, its path there
        self.name = name  # of the overlay, a plain file name
        self.size = size  # of the virtual disk in bytes, 0 for the size of the image
        self.format = format  # that the image must have, `raw` or `qcow2`; "" for either
        self.copy = copy  # make a standalone image, not an overlay


class UploadUrl:
    """Where to put an output file. All values can be sent to the child (marshal)."""

    def __init__(self, path: str, server: str = "", overwrite: bool = False, standalone: bool = False) -> None:
        self.server = server  # lower case; "" if `path` is a path on this node
        self.path = path  # of the new file, absolute; with a server, its path there
        self.overwrite = overwrite  # replace an existing file
        self.standalone = standalone  # turn a qcow2 overlay into an image without a backing file


def parse_stage(url: str) -> StageUrl:
    """Parse `nfs:<path>[?options][:<name>]`, also with `//` or `//<server>` before the absolute path.

    The last colon separates the name, because a name in `vm_disk` cannot contain one (condor_submit(1)). Without a
    colon, the name is that of the image. Raises ParameterError.
    """
    shown = printable(url)
    server, rest = _server(url, FORM)
    before, colon, name = rest.rpartition(":")
    path, _, query = (before if colon else rest).partition("?")
    if ":" in query and query.partition("=")[0] in _STAGE_OPTIONS:
        from .url_hints import colon_in_options

        raise colon_in_options(query, shown)
    path = _decoded(path, shown)
    options = _options(query, _STAGE_OPTIONS, shown)
    name = _decoded(name, shown) if colon else path.rpartition("/")[2]
    _check_name(name, shown, colon != "")
    wanted = StageUrl(path, name, server, format=options.get("format", ""), copy=options.get("mode") == "copy")
    _check_value(options, "format", ("raw", "qcow2"), shown)
    _check_value(options, "mode", ("overlay", "copy"), shown)
    if "size" in options:
        try:
            wanted.size = sizes.parse(options["size"])
        except ValueError as error:
            from .url_hints import no_size

            raise no_size(options["size"], error, shown) from None
    return wanted


def parse_upload(url: str, local_name: str) -> UploadUrl:
    """Parse `nfs:<path>[?options]` for the output file local_name, which goes into a path that ends in `/`.

    HTCondor appends a slash and the file's name to output_destination, after the options if there are any. That name is
    used literally: it has no percent-escapes. Raises ParameterError.
    """
    shown = printable(url)
    server, rest = _server(url, UPLOAD_FORM)
    appended = "/" + local_name
    into = rest.endswith(appended)
    path, _, query = (rest[: -len(appended)] if into else rest).partition("?")
    path = _decoded(path, shown)
    if into or path.endswith("/"):
        path = path.rstrip("/") + appended
    options = _options(query, ("overwrite", "standalone"), shown)
    for name in options:
        _check_value(options, name, ("yes", "no"), shown)
    return UploadUrl(path, server, options.get("overwrite") == "yes", options.get("standalone") == "yes")


def _server(url: str, form: str) -> "tuple[str, str]":
    """Return the server in a URL, "" if there is none, and the rest, which begins with a slash."""
    shown = printable(url)
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() != "nfs":
        from .url_hints import no_nfs_url

        raise no_nfs_url(url, form)
    server = ""
    if rest.startswith("//"):
        server, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        if server:
            from ..share import servers  # for URLs with one

            server = servers.parse(server, shown, form)
    if not rest.startswith("/"):
        raise ParameterError(f"{shown}: the path is not absolute; write {form}")
    return server, rest


def _decoded(text: str, shown: str) -> str:
    """Return text with its percent-escapes (RFC 3986, section 2.1) decoded."""
    first, *rest = to_bytes(text).split(b"%")
    parts = [first]
    for part in rest:
        digits = part[:2].decode("latin-1")
        if len(digits) != 2 or not _HEX.issuperset(digits):
            raise ParameterError(
                f"{shown}: '%{printable(digits)}' is not a percent-escape; write a percent sign as %25"
            )
        parts.append(bytes((int(digits, 16),)) + part[2:])
    decoded = b"".join(parts)
    if b"\0" in decoded:
        raise ParameterError(f"{shown}: contains a NUL, which is not possible in a path; remove it")
    return to_text(decoded)


def _options(query: str, known: "tuple[str, ...]", shown: str) -> "dict[str, str]":
    """Parse `name=value&name=value`. An unknown or repeated option is an error: it could be a typo."""
    options: dict[str, str] = {}
    for item in query.split("&") if query else ():
        name, equals, value = item.partition("=")
        if name not in known or not equals:
            from .url_hints import unknown_option

            raise unknown_option(item, known, shown)
        if name in options:
            raise ParameterError(f"{shown}: the option {name} is given twice; give it once")
        options[name] = value
    return options


def _check_value(options: "dict[str, str]", name: str, known: "tuple[str, ...]", shown: str) -> None:
    """Refuse an option whose value is not one of the known ones."""
    if name in options and options[name] not in known:
        from .url_hints import unknown_value

        raise unknown_value(name, options[name], known, shown)


def _check_name(name: str, shown: str, stated: bool) -> None:
    """Refuse a name that could lead out of the scratch directory, or that would not reach QEMU unchanged."""
    reason = ""
    if not name:
        reason = "is empty"
    elif "/" in name:
        reason = "contains a slash (the last colon is before the name; write one in the path as %3A)"
    elif name.startswith("."):
        reason = "begins with a dot"
    elif "?" in name:
        reason = "contains a question mark (options go before the name: image?size=40G:name)"
    elif not _SAFE.issuperset(name):
        reason = "contains characters other than ASCII letters, digits and . _ + -"
    elif len(name) > 200:
        reason = "is longer than 200 characters"
    if reason:
        step = (
            "use a plain file name, the one in vm_disk" if stated else "append a colon and the disk's name in vm_disk"
        )
        raise ParameterError(f"{shown}: the overlay's name '{printable(name)}' {reason}; {step}, as in {FORM}")
