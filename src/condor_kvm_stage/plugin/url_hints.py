"""What is probably wrong with a URL, and how to write it. For failures only."""

import difflib
import errno

from .. import sizes
from ..failures import ParameterError, SpecificationError
from ..text import printable

_ELSEWHERE = {
    **dict.fromkeys(("size", "format", "mode"), "it is for an image, not for output"),
    **dict.fromkeys(("overwrite", "standalone"), "it is for output, not for an image"),
}
_FORMATS = ("raw", "qcow2")
_PERMISSIONS = ("r", "w", "rw")
_BUSES = ("vd", "sd", "hd")
_SUFFIXES = (".qcow2", ".qcow", ".img", ".raw", ".iso", ".dd", ".bin")  # of images


def no_nfs_url(url: str, form: str) -> ParameterError:
    """Return the failure for a URL of another scheme, or for what is no URL."""
    shown = printable(url)
    step = f"write {form}"
    scheme, colon, rest = url.partition(":")
    if url.startswith("/"):
        step = f"write nfs://{shown}"
    elif colon and scheme.lower() in ("nfs3", "nfs4", "file") and rest.startswith("/"):
        step = f"write nfs:{printable(rest)}"
    elif colon and rest.startswith("/") and not rest.startswith("//") and scheme.isascii() and "/" not in scheme:
        step = f"write nfs://{printable(scheme)}{printable(rest)}"  # filer:/export, as mount(8) has it
    return ParameterError(f"{shown}: not an nfs URL; {step}")


def unknown_option(item: str, known: "tuple[str, ...]", shown: str) -> ParameterError:
    """Return the failure for one of the items between a question mark and the name."""
    name, equals, value = item.partition("=")
    listed = ", ".join(f"{option}=" for option in known)
    hint = ""
    if not item:
        hint = "; there is an & too many"
    elif name in known:
        hint = f"; write it with a value, {name}=…"
    elif equals and name in _ELSEWHERE:
        hint = f"; {_ELSEWHERE[name]}"
    else:
        meant = difflib.get_close_matches(name.strip().lower(), known, 1)
        if meant:
            hint = f"; did you mean {meant[0]}={printable(value)}"
    return ParameterError(
        f"{shown}: unknown option '{printable(item)}'{hint}; known options are {listed}, joined by &; write a "
        "question mark in a path as %3F"
    )


def colon_in_options(query: str, shown: str) -> ParameterError:
    """Return the failure for options with a colon in them: more follows them than the name."""
    options, _, rest = query.partition(":")
    return ParameterError(
        f"{shown}: after the options '{printable(options)}' only the disk's name follows, and no colon after it; "
        f"write …?{printable(options)}:{printable(rest.partition(':')[0])}, and device, permission and format in "
        "vm_disk"
    )


def unknown_value(option: str, value: str, known: "tuple[str, ...]", shown: str) -> ParameterError:
    """Return the failure for the value of an option that has a list of them."""
    step = "write " + " or ".join(f"{option}={word}" for word in known)
    if "=" in value:
        step = f"join options by &, and {step}"
    else:
        meant = difflib.get_close_matches(value.strip().lower(), known, 1)
        if meant:
            step = f"did you mean {option}={meant[0]}"
    return ParameterError(f"{shown}: {option} is '{printable(value)}'; {step}")


def no_size(value: str, error: ValueError, shown: str) -> ParameterError:
    """Return the failure for a size that is none."""
    hint = ""
    if "=" in value:
        hint = "; options are joined by &"
    else:
        number = value.strip().upper().removesuffix("B").removesuffix("I").replace(" ", "").lstrip("+")
        try:
            sizes.parse(number)
            hint = f"; did you mean size={number}"
        except ValueError:
            pass  # nothing like a size
    return ParameterError(f"{shown}: size: {printable(str(error))}{hint}")


def not_found(error: SpecificationError, path: str, name: str) -> SpecificationError:
    """Return the failure for an image that is not there, with what is wrong with the URL if that shows.

    path: of the image, on this node. name: of the disk, which stood after the last colon if it is not the image's own.
    """
    reason = f"cannot open image {printable(path)}: "
    directory, _, file = path.rpartition("/")
    if error.code not in (errno.ENOENT, errno.ENOTDIR) or not str(error).startswith(reason) or file == name:
        return error
    said, _, step = str(error)[len(reason) :].partition("; ")
    image = _without_vm_disk(f"{file}:{name}")
    if image:
        own, colon, disk = image.partition(":")
        hint = (
            "device, permission and format belong in vm_disk, not in the URL: write "
            f"nfs://{printable(f'{directory}/{own}{colon}{disk}')}"
        )
    elif not file.endswith(_SUFFIXES):
        whole = f"{file}:{name}"
        hint = (
            f"'{name}', after the last colon, is the disk's name; for an image called {printable(whole)} write "
            f"{printable(_escaped(whole))}:disk.qcow2"
        )
    else:
        return error
    return SpecificationError(f"{reason}{said}; {hint}; or {step}", check=error.check, code=error.code)


def _without_vm_disk(text: str) -> str:
    """Return `image[:name]` of `image[:name]:device[:permission[:format]]`, as in vm_disk, "" if it is not that."""
    parts = text.split(":")
    if parts[-1] in _FORMATS and len(parts) > 3:
        parts.pop()
    if parts[-1] in _PERMISSIONS and len(parts) > 2:
        parts.pop()
    if len(parts) < 2 or parts[-1][:2] not in _BUSES or not 3 <= len(parts[-1]) <= 4 or "." in parts[-1]:
        return ""
    return ":".join(parts[:-1])


def _escaped(name: str) -> str:
    for character in "%?:":
        name = name.replace(character, f"%{ord(character):02X}")
    return name
