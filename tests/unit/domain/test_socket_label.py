"""Sockets for guests have the contexts that SELinux' policy lets guests use, and nothing else that is made has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import selinux
from condor_kvm_stage.domain import socket_label

GUEST = "system_u:system_r:svirt_t:s0"
OWN, VIRTD = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023", "system_u:system_r:virtd_t:s0"
IMAGE = "system_u:object_r:svirt_image_t:s0"


@pytest.fixture
def attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for the thread's attributes: regular files, which begin with what was written last."""
    contexts = tmp_path / "selinux/default/contexts"
    contexts.mkdir(parents=True)
    (contexts / "virtual_image_context").write_text(f"{IMAGE}\nsystem_u:object_r:virt_content_t:s0\n")
    (tmp_path / "selinux/config").write_text("# SELINUXTYPE=mls\nSELINUX=enforcing\nSELINUXTYPE=default\n")
    for name in ("sockcreate", "fscreate"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "current").write_text(f"{OWN}\0")
    monkeypatch.setattr(selinux, "may_connect", lambda guest, context: (guest, context) == (GUEST, VIRTD))
    monkeypatch.setattr(socket_label, "_SETTINGS", str(tmp_path / "selinux"))
    monkeypatch.setattr(socket_label, "_ATTRIBUTES", str(tmp_path))
    return tmp_path


def test_socket_and_its_file_are_labelled_as_libvirt_labels_its_own(attributes: Path) -> None:
    with socket_label.for_guests(GUEST):
        assert (attributes / "sockcreate").read_bytes() == GUEST.encode() + b"\0"
        assert (attributes / "fscreate").read_bytes() == IMAGE.encode() + b"\0"


def test_socket_of_a_process_to_which_guests_may_connect_keeps_its_context(attributes: Path) -> None:
    (attributes / "current").write_text(f"{VIRTD}\0")
    with socket_label.for_guests(GUEST):
        assert (attributes / "sockcreate").read_bytes() == b""
        assert (attributes / "fscreate").read_bytes() == IMAGE.encode() + b"\0"


def test_contexts_are_reset_also_after_a_failure(attributes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(socket_label, "_set", lambda name, context: written.append((name, context)))
    with pytest.raises(OSError, match="no space"), socket_label.for_guests(GUEST):
        raise OSError("no space")
    assert written[2:] == [("fscreate", ""), ("sockcreate", "")]


def test_nothing_is_asked_of_a_kernel_without_selinux(attributes: Path) -> None:
    for name in ("sockcreate", "fscreate", "current"):
        (attributes / name).unlink()
    with socket_label.for_guests(""):
        pass


def test_kernel_that_refuses_is_an_error(attributes: Path) -> None:
    (attributes / "fscreate").unlink()
    with pytest.raises(OSError, match="fscreate"), socket_label.for_guests(GUEST):
        pass
