"""Cases of other files that an image leads to: backing files, their names and formats, chains of them, data files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .builder import BACKING_FORMAT, CLUSTER, DATA_FILE, DATA_FILE_NAME, qcow2
from .case import NOT_GUARDED, Case, backed, header, put
from .files import make_directory, make_fifo, make_socket
from .foreign import FOREIGN


def _on(name: str, check: str, base: Callable[[Path], object], backing_format: bytes = b"raw", code: int = 0) -> Case:
    """A case whose backing file is what base(path) makes there."""

    def build(directory: Path) -> Path:
        base(directory / "base")
        return put(directory / "image", qcow2(backing=b"base", backing_format=backing_format))

    return Case(name, check, build, code=code)


def _chain(*backing: str) -> Callable[[Path], Path]:
    """Make image0, image1, …: a chain whose first file is staged; backing: what each says, "" for none."""

    def build(directory: Path) -> Path:
        for number, name in enumerate(backing):
            put(directory / f"image{number}", qcow2(backing=name.encode()))
        return directory / "image0"

    return build


def _hard_links(directory: Path) -> Path:
    os.link(put(directory / "image", qcow2(backing=b"other-name")), directory / "other-name")
    return directory / "image"


def _symlinked_in_the_middle(directory: Path) -> Path:
    """QEMU takes a relative name from the directory of the name by which it opened the file, not of its target."""
    put(directory / "deep/base", qcow2())
    put(directory / "deep/middle", qcow2(backing=b"base"))
    put(directory / "base", qcow2(extensions=[(DATA_FILE_NAME, b"/etc/shadow")], incompatible_features=DATA_FILE))
    (directory / "middle").symlink_to("deep/middle")
    return put(directory / "image", qcow2(backing=b"middle"))


CASES = [
    replace(backed("backing_etc_shadow", "readable", b"/etc/shadow"), policy=NOT_GUARDED),
    backed("backing_json", "backing_name", b'json:{"driver":"file","filename":"/etc/shadow"}'),
    backed("backing_file_protocol", "backing_name", b"file:/etc/passwd"),
    backed("backing_nbd", "backing_name", b"nbd:127.0.0.1:10809"),
    backed("backing_nbd_url", "backing_name", b"nbd://127.0.0.1/export"),
    backed("backing_name_with_escapes", "backing_name", b"json:\n\x1b[31mred\xff"),
    backed("backing_name_with_nul", "backing_name", b"/etc/passwd\0.raw"),
    backed("backing_name_of_nothing", "backing_name", b"base", backing_file_size=0),
    backed("backing_name_too_long", "backing_name", b"./" * 511 + b"ab"),
    backed("backing_name_of_4_gib", "backing_name", b"base", backing_file_size=2**32 - 1),
    backed("backing_name_in_the_fields", "backing_name", b"base", backing_file_offset=64),
    backed("backing_name_in_the_last_field", "backing_name", b"base", backing_file_offset=108),
    backed("backing_name_beyond_the_header", "backing_name", b"base", backing_file_offset=CLUSTER),
    backed("backing_name_beyond_the_file", "backing_name", b"base", backing_file_offset=1 << 40),
    backed("backing_name_at_the_end_of_all", "backing_name", b"base", backing_file_offset=2**64 - 1),
    backed("backing_name_across_the_end", "backing_name", b"base", backing_file_offset=CLUSTER - 2),
    backed("backing_through_proc", "image_path", b"/proc/self/cwd/base"),
    backed("backing_through_proc_by_dots", "image_path", b"../" * 60 + b"proc/self/fd/3"),
    backed("backing_through_proc_by_slashes", "image_path", b"//./proc/thread-self/root/etc/passwd"),
    backed("backing_through_dev_fd", "image_path", b"/dev/fd/3"),
    backed("backing_format_missing", "backing_format", b"base", None),
    backed("backing_format_empty", "backing_format", b"base", b""),
    backed("backing_format_unknown", "backing_format", b"base", b"vmdk"),
    backed("backing_format_with_nul", "backing_format", b"base", b"raw\0"),
    backed("backing_format_with_escapes", "backing_format", b"base", b"\x1b[31m\n"),
    Case(
        "backing_format_said_twice",
        "backing_format",
        lambda directory: put(directory / "image", qcow2(backing=b"base", extensions=[(BACKING_FORMAT, b"vmdk")])),
    ),
    header("backing_format_too_long", "backing_format", (BACKING_FORMAT, b"x" * 16)),
    header(
        "backing_format_too_long_then_sound", "backing_format", (BACKING_FORMAT, b"x" * 16), (BACKING_FORMAT, b"raw")
    ),
    _on("backing_is_qcow2_but_said_to_be_raw", "backing_format", lambda base: put(base, qcow2())),
    _on("backing_is_raw_but_said_to_be_qcow2", "backing_format", put, b"qcow2"),
    _on("backing_is_a_fifo", "file_type", make_fifo),
    _on("backing_is_a_directory", "file_type", make_directory),
    _on("backing_is_a_socket", "file_type", make_socket),
    backed("backing_is_a_device", "file_type", b"/dev/zero"),
    _on("backing_is_missing", "", lambda base: None, code=errno.ENOENT),
    _on("backing_is_empty", "empty", lambda base: put(base, b"")),
    _on("backing_is_vmdk", "format", lambda base: put(base, FOREIGN["vmdk_descriptor"])),
    replace(_on("backing_is_unreadable", "readable", lambda base: put(base).chmod(0o640)), policy=NOT_GUARDED),
    _on(
        "backing_has_a_data_file",
        "data_file",
        lambda base: put(base, qcow2(incompatible_features=DATA_FILE)),
        b"qcow2",
    ),
    Case("backing_through_a_symlink_in_the_middle", "data_file", _symlinked_in_the_middle, names="base"),
    header("data_file_bit", "data_file", incompatible_features=DATA_FILE),
    header("data_file_name", "data_file", (DATA_FILE_NAME, b"/etc/shadow")),
    header("data_file_both", "data_file", (DATA_FILE_NAME, b"/etc/shadow"), incompatible_features=DATA_FILE),
    header("data_file_raw_without_one", "data_file", autoclear_features=2),
    Case("chain_of_itself", "chain_loop", _chain("image0")),
    Case("chain_of_itself_by_another_path", "chain_loop", _chain("./../images/image0"), names="image0"),
    Case("chain_of_three_that_loops", "chain_loop", _chain("image1", "image2", "image0")),
    Case("chain_that_loops_further_down", "chain_loop", _chain("image1", "image2", "image1"), names="image1"),
    Case("chain_of_hard_links", "chain_loop", _hard_links, names="other-name"),
    Case("chain_too_deep", "chain_depth", _chain("image1", "image2", ""), "[staging]\nchain_depth = 2\n"),
    Case("chain_too_deep_by_default", "chain_depth", _chain(*(f"image{n}" for n in range(1, 9)), "")),
    Case("chain_not_allowed_at_all", "chain_depth", _chain("image1", ""), "[staging]\nchain_depth = 1\n"),
]
