"""A recorded host as a base and what differs from it: find the layers, merge them, reduce a host to its differences."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import edits, toml_writer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECORD = "host.toml"  # the answers of what is not a file
# What the generator makes of a host: no files of the host itself, but its snippet may be a link to the first
GOLDEN = ("snippet.conf", "check.txt")
Record = dict[str, Any]
_EMPTY: Record = {"installed": [], "modes": {}, "sockets": {}, "programs": []}


class LayerError(Exception):
    """The layers of a recorded host do not fit together."""


def read(folder: Path) -> Record:
    """Return what the host.toml of a folder says, without that of its base."""
    return tomllib.loads((folder / RECORD).read_text(encoding="utf-8"))


def chain(folder: Path) -> list[Path]:
    """Return the folders of a host, from the lowest base to the host itself. Raises LayerError."""
    found = [folder]
    while base := read(found[0]).get("base"):
        below = found[0].parent / str(base)
        if below in found:
            names = " -> ".join(path.name for path in [*reversed(found), below])
            raise LayerError(f"the bases of {folder.name} form a loop: {names}; let one of them stand alone")
        if not (below / RECORD).is_file():
            raise LayerError(f"the base of {found[0].name} has no {RECORD}: {below}; see `base` in {found[0] / RECORD}")
        found.insert(0, below)
    return found


def record(folder: Path) -> Record:
    """Return what is recorded of a host in host.toml, its own and that of its bases. Raises LayerError."""
    merged: Record = {}
    for layer in chain(folder):
        merged = merge(merged, read(layer), layer.name)
    return merged


def lay_out(folder: Path, root: Path) -> None:
    """Lay the files of a host over those of its bases, at root. Raises LayerError."""
    for layer in chain(folder):
        for path in read(layer).get("absent", []):
            _remove(root / path.lstrip("/"), root)
        shutil.copytree(layer, root, symlinks=True, dirs_exist_ok=True, copy_function=_replace)
    (root / RECORD).unlink()


def merge(base: Record, own: Record, name: str) -> Record:
    """Return what a base records with what differs on the host of a name. Raises LayerError.

    Programs are merged by path and `when`, tables by key; anything else replaces what the base has.
    """
    absent = own.get("absent", [])
    merged = {**base, **{key: value for key, value in own.items() if key not in ("base", "absent")}}
    kept = [path for path in base.get("installed", []) if path not in absent]
    merged["installed"] = kept + [path for path in own.get("installed", []) if path not in kept]
    for table in ("modes", "sockets"):
        there = {path: answer for path, answer in base.get(table, {}).items() if path not in absent}
        merged[table] = {**there, **own.get(table, {})}
    programs = {key(entry): entry for entry in base.get("programs", []) if entry["path"] not in absent}
    for entry in own.get("programs", []):
        programs[key(entry)] = _merged_program(programs.get(key(entry), {}), entry, name)
    # The first that fits counts: those for one command line come before those for any
    merged["programs"] = sorted(programs.values(), key=lambda entry: "when" not in entry)
    return merged


def key(program: Record) -> tuple[str, str]:
    """Return what names an answer of a program."""
    return program["path"], program.get("when", "")


def _merged_program(base: Record, own: Record, name: str) -> Record:
    merged = {**base, **own}
    for old, new in merged.pop("replace", []):
        if merged.get("output", "").count(old) != 1:
            raise LayerError(f"{name}: the base's output of {own['path']} does not have this once: {old!r}")
        merged["output"] = merged["output"].replace(old, new)
    return merged


def difference(base: Record, host: Record) -> Record:
    """Return what merge() needs to make of a base's record that of a host: the programs' part of `absent`, too."""
    own: Record = {
        name: host[name]
        for name in host
        if name not in ("installed", "modes", "sockets", "programs") and host[name] != base.get(name)
    }
    programs = {key(entry): entry for entry in host["programs"]}
    of_base = {key(entry): entry for entry in base["programs"]}
    gone = {path for path, _ in of_base.keys() - programs.keys()} | (set(base["installed"]) - set(host["installed"]))
    for table in ("modes", "sockets"):
        gone |= base[table].keys() - host[table].keys()
        own[table] = {path: answer for path, answer in host[table].items() if base[table].get(path) != answer}
    own["absent"] = sorted(gone)
    own["installed"] = [path for path in host["installed"] if path in gone or path not in base["installed"]]
    differing = [
        entry if entry["path"] in gone else _program_difference(of_base.get(name), entry)
        for name, entry in programs.items()
    ]
    own["programs"] = [entry for entry in differing if entry]
    return own


def _program_difference(base: Record | None, host: Record) -> Record:
    if base is None:
        return host
    empty: Record = {"status": 0, "output": "", "errors": "", "fault": ""}
    own: Record = {
        name: host.get(name, default)
        for name, default in empty.items()
        if host.get(name, default) != base.get(name, default)
    }
    if not own:
        return {}
    if "output" in own:
        replace = edits.between(base.get("output", ""), own["output"])
        if edits.size(replace) < len(own["output"].splitlines()):
            own["replace"] = replace
            del own["output"]
    return {name: host[name] for name in ("path", "when") if name in host} | own


def reduce_to_difference(folder: Path, base: Path) -> None:
    """Make a whole recorded host one that holds only what differs from a base beside it. Raises LayerError."""
    own, of_base = {**_EMPTY, **read(folder)}, {**_EMPTY, **record(base)}
    with tempfile.TemporaryDirectory() as scratch:
        lay_out(base, Path(scratch))
        for name in GOLDEN:
            (Path(scratch) / name).unlink(missing_ok=True)
        absent = [f"/{path}" for path in sorted(_files(Path(scratch))) if not _is_there(folder / path)]
        for path in _files(Path(scratch)):
            if _is_there(folder / path) and _content(folder / path) == _content(Path(scratch) / path):
                (folder / path).unlink()
                _remove_empty((folder / path).parent, folder)
    changed = difference(of_base, own)
    changed["absent"] = sorted({*changed["absent"], *absent})
    kept = {name: value for name, value in changed.items() if value not in ([], {}) and name != "about"}
    kept = {"about": own["about"], "base": base.name, **kept}
    text = toml_writer.document(kept)
    (folder / RECORD).write_text(text, encoding="utf-8")


def _files(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def _content(path: Path) -> tuple[bool, bytes]:
    if path.is_symlink():
        return True, str(path.readlink()).encode()
    return False, path.read_bytes()


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _replace(source: str, target: str) -> None:
    """Copy a file over what a base has there, which may be a link."""
    Path(target).unlink(missing_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)


def _remove(path: Path, root: Path) -> None:
    """Remove a file or directory, and the directories above it that are empty then: git holds none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    _remove_empty(path.parent, root)


def _remove_empty(directory: Path, root: Path) -> None:
    while directory != root and directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
        directory = directory.parent
