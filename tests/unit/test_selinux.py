"""What SELinux lets a guest read is what the kernel says, and a denial comes with the command that allows it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import selinux
from condor_kvm_stage.selinux import Denial, NotKnown
from support import fake_selinux
from support.fake_selinux import GUEST, bits, label

IMAGE = "/srv/images/base.qcow2"
EVERYTHING = 0xFFFFFFFF


def only(*types: str) -> Callable[[str, str], int]:
    """Let guests read files of these types, and search any directory but those of default_t."""

    def allowed(file_type: str, kind: str) -> int:
        if kind == "dir":
            return 0 if file_type == "default_t" else EVERYTHING
        return EVERYTHING if file_type in types else bits("file", "read")  # but not open it

    return allowed


def test_file_that_guests_may_read_is_no_denial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_selinux.mount(tmp_path, monkeypatch, lambda _: "virt_content_t", only("virt_content_t"))
    assert selinux.find_denial(IMAGE, GUEST) is None
    contexts = f"{GUEST} {label('virt_content_t')}"
    assert asked == [f"{contexts} 7"] * 3 + [f"{contexts} 6"] * 2  # /, /srv, /srv/images; read and open


@pytest.mark.parametrize(
    ("file_type", "step"),
    [
        ("nfs_t", "setsebool -P virt_use_nfs on"),
        ("cifs_t", "setsebool -P virt_use_samba on"),
        ("fusefs_t", "setsebool -P virt_use_fusefs on"),
        (
            "unlabeled_t",
            "semanage fcontext -a -t virt_content_t '/srv/images(/.*)?'; restorecon -R /srv/images",
        ),
    ],
)
def test_denial_names_the_command_that_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_type: str, step: str
) -> None:
    fake_selinux.mount(
        tmp_path, monkeypatch, lambda path: file_type if path == IMAGE else "root_t", only("virt_content_t")
    )
    found = selinux.find_denial(IMAGE, GUEST)
    assert found == Denial(IMAGE, label(file_type), step)
    assert found.what == f"SELinux lets no guest read {IMAGE} (label {label(file_type)})"


def test_directory_that_guests_may_not_search_is_the_one_to_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_selinux.mount(tmp_path, monkeypatch, lambda path: "default_t" if path.startswith("/vm") else "root_t", only())
    found = selinux.find_denial("/vm/images/a b.raw", GUEST)
    assert found is not None
    assert found.path == "/vm"
    assert found.step == "semanage fcontext -a -t virt_content_t '/vm(/.*)?'; restorecon -R /vm"


def test_permissive_domain_is_denied_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_selinux.mount(tmp_path, monkeypatch, lambda _: "default_t", only(), flags=1)
    assert selinux.find_denial(IMAGE, GUEST) is None


@pytest.mark.parametrize("code", [errno.EACCES, errno.EOPNOTSUPP, errno.ESTALE, errno.ENOENT])
def test_label_that_cannot_be_read_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    fake_selinux.mount(tmp_path, monkeypatch, lambda _: "root_t", only())

    def fail(*_: object) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "getxattr", fail)
    with pytest.raises(NotKnown):
        selinux.find_denial(IMAGE, GUEST)


@pytest.mark.parametrize("answer", [b"", b"1 2 3", b"zz 0 0 0 0 0"])
def test_answer_that_is_none_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    fake_selinux.mount(tmp_path, monkeypatch, lambda _: "root_t", only())
    monkeypatch.setattr(selinux, "_transact", lambda _: answer)
    with pytest.raises(NotKnown):
        selinux.find_denial(IMAGE, GUEST)


@pytest.mark.parametrize(("content", "enforcing"), [("1", True), ("0", False), ("0\n", False), (None, False)])
def test_only_an_enforcing_kernel_denies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, enforcing: bool
) -> None:
    monkeypatch.setattr(selinux, "_ROOT", str(tmp_path))
    if content is not None:
        (tmp_path / "enforce").write_text(content)
    assert selinux.is_enforcing() is enforcing


def test_question_and_answer_are_one_write_and_one_read_of_one_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """selinuxfs keeps the answer with the open file."""
    monkeypatch.setattr(selinux, "_ROOT", str(tmp_path))
    (tmp_path / "access").write_bytes(b"question: answer")
    assert selinux._transact(b"question") == b": answer"
