"""Cases of where a file lies, and of what its path is like: outside of what policy allows, odd, too long, in /proc."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .builder import qcow2
from .case import Case, put

IMAGES = '[staging]\nimage_dirs = ["DIR/images"]\n'


def _leaves(backing: str) -> Callable[[Path], Path]:
    """Make an image in the directory that is allowed, whose backing file leads into another."""

    def build(directory: Path) -> Path:
        put(directory / "elsewhere/base")
        image = put(directory / "images/image", qcow2(backing=backing.encode(), backing_format=b"raw"))
        (directory / "images/link").symlink_to("../elsewhere/base")
        (directory / "images/directory-link").symlink_to(directory / "elsewhere")
        return image

    return build


def _leaves_by_absolute_name(directory: Path) -> Path:
    base = put(directory / "elsewhere/base")
    return put(directory / "images/image", qcow2(backing=bytes(base), backing_format=b"raw"))


def _is_a_symlink(directory: Path) -> Path:
    put(directory / "images/sound")
    put(directory / "elsewhere/base")
    (directory / "images/image").symlink_to("../elsewhere/base")
    return directory / "images/image"


def _lies_beside(directory: Path) -> Path:
    """The directory's name begins with that of an allowed one."""
    put(directory / "images/sound")
    return put(directory / "images-of-others/image")


def _dots_behind_a_symlink(directory: Path) -> Path:
    """Make a path that stays in the directory that is allowed if it is read as text, and leaves it for the kernel."""
    put(directory / "images/base")
    put(directory / "elsewhere/base").with_name("deep").mkdir()
    (directory / "images/link").symlink_to("../elsewhere/deep")
    return directory / "images/link/../base"


def _dots_behind_a_symlink_in_the_chain(directory: Path) -> Path:
    _dots_behind_a_symlink(directory)
    return put(directory / "images/image", qcow2(backing=b"link/../base", backing_format=b"raw"))


def _named(name: bytes) -> Callable[[Path], Path]:
    return lambda directory: put(directory / os.fsdecode(name))


def _based_on(name: bytes) -> Callable[[Path], Path]:
    """Make an image on a base of that name."""

    def build(directory: Path) -> Path:
        put(directory / os.fsdecode(name))
        return put(directory / "image", qcow2(backing=name, backing_format=b"raw"))

    return build


def _symlink_to_odd(directory: Path) -> Path:
    (directory / "image").symlink_to(put(directory / "odd\nname").name)
    return directory / "image"


def _through(target: str) -> Callable[[Path], Path]:
    """Make an image whose path leads there, by a symlink."""

    def build(directory: Path) -> Path:
        (directory / "link").symlink_to(target)
        return directory / "link/image"

    return build


def _deep(length: int) -> Callable[[Path], Path]:
    """Make an image whose path has that length."""

    def build(directory: Path) -> Path:
        while len(bytes(directory)) < length - 200:
            directory = put(directory / ("x" * 100) / "file").parent
        return put(directory / ("y" * (length - len(bytes(directory)) - 1)))

    return build


def _symlink_to_deep(directory: Path) -> Path:
    (directory / "image").symlink_to(_deep(1024)(directory))
    return directory / "image"


CASES = [
    # where files may be
    Case("backing_etc_shadow_and_image_dirs", "image_dirs", _leaves("/etc/shadow"), IMAGES),
    Case("chain_leaves_by_a_symlink", "image_dirs", _leaves("link"), IMAGES),
    Case("chain_leaves_by_a_symlink_to_a_directory", "image_dirs", _leaves("directory-link/base"), IMAGES),
    Case("chain_leaves_by_dots", "image_dirs", _leaves("../elsewhere/base"), IMAGES),
    Case("chain_leaves_by_many_dots", "image_dirs", _leaves("../" * 60 + "etc/passwd"), IMAGES),
    Case("chain_leaves_by_an_absolute_name", "image_dirs", _leaves_by_absolute_name, IMAGES),
    Case("image_is_a_symlink_elsewhere", "image_dirs", _is_a_symlink, IMAGES),
    Case("image_lies_beside_its_directory", "image_dirs", _lies_beside, IMAGES),
    Case("dots_behind_a_symlink", "image_dirs", _dots_behind_a_symlink, IMAGES),
    Case("dots_behind_a_symlink_in_the_chain", "image_dirs", _dots_behind_a_symlink_in_the_chain, IMAGES),
    # paths that libvirt or QEMU could not take, or that lead each process to another place
    Case("path_that_is_no_utf8", "image_path", _named(b"im\xffage"), names=r"im\udcffage"),
    Case("path_with_a_newline", "image_path", _named(b"im\nage"), names=r"im\nage"),
    Case("path_with_an_escape", "image_path", _named(b"im\x1b[31mage"), names=r"im\x1b[31mage"),
    Case("path_with_an_invisible_character", "image_path", _named("im\u202eage".encode()), names=r"im\u202eage"),
    Case("path_behind_a_symlink_with_a_newline", "image_path", _symlink_to_odd),
    Case("path_too_long", "image_path", _deep(1024)),
    Case("path_behind_a_symlink_too_long", "image_path", _symlink_to_deep),
    Case("path_through_proc", "image_path", lambda directory: Path("/proc/self/root/etc/passwd")),
    Case("path_through_a_symlink_to_proc", "image_path", _through("/proc/self/cwd")),
    Case("path_through_dots_to_proc", "image_path", _through("../" * 60 + "proc/self/cwd")),
    Case("path_through_dev_fd", "image_path", lambda directory: Path("/dev/fd/0")),
    Case("backing_name_that_is_no_utf8", "image_path", _based_on(b"b\xffse"), names=r"b\udcffse"),
    Case("backing_name_with_a_newline", "image_path", _based_on(b"b\nse"), names=r"b\nse"),
]
