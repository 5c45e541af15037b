"""Hosts for the generator's unit tests: files under a directory, and a test's answers of devices and programs."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.host import Host

if sys.version_info >= (3, 11):
    pass
else:
    pass


Program = Callable[[tuple[str, ...]], Answer]

# Permissions as on EL
MODES = {"/dev/kvm": 0o666, "/var/lib/libvirt/qemu": 0o751}
# What virsh prints of a host of Debian's, less what nobody asks for
CAPABILITIES = """\
<capabilities>

  <host>
    <secmodel>
      <model>none</model>
      <doi>0</doi>
    </secmodel>
    <secmodel>
      <model>dac</model>
      <doi>0</doi>
    </secmodel>
  </host>

</capabilities>

<domainCapabilities>
  <devices>
    <disk supported='yes'>
      <enum name='diskDevice'>
        <value>disk</value>
      </enum>
      <enum name='bus'>
        <value>ide</value>
        <value>virtio</value>
      </enum>
    </disk>
  </devices>
</domainCapabilities>

"""


def write(root: Path, path: str, text: str) -> None:
    """Write a file of the host whose files are under root."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def add_program(host: Host, script: str, path: str = "/usr/bin/program", mode: int = 0o755) -> None:
    """Give a host a program, to be run for real."""
    write(host.root, path.lstrip("/"), script)
    host.path(path).chmod(mode)


class FakeHost(Host):
    """A host whose files are under root.

    kvm: "" if /dev/kvm makes virtual machines, else the name of the errno that opening it gives, as "ENOENT".
    api_version: what /dev/kvm says of itself. sockets: paths at which somebody answers. programs: what each program
    answers, by its absolute path; those that are not named are not there. modes: permissions, by path. asked: the
    command lines that were run.
    """

    def __init__(
        self,
        root: Path,
        *,
        kvm: str = "",
        api_version: int = 12,
        sockets: tuple[str, ...] = (),
        programs: Mapping[str, Answer | Program] | None = None,
        as_root: bool = True,
        modes: Mapping[str, int] = MODES,
    ) -> None:
        super().__init__(root)
        self.kvm = kvm
        self.api_version = api_version
        self.sockets = sockets
        self.programs = dict(programs or {})
        self.as_root = as_root
        self.modes = modes
        self.groups = {"/var/lib/libvirt/qemu": 107}
        self.asked: list[tuple[str, ...]] = []

    def is_root(self) -> bool:
        return self.as_root

    def group(self, path: str) -> int | None:
        return self.groups.get(path)

    def permissions(self, path: str) -> int | None:
        return self.modes.get(path)

    def job_user(self) -> str:
        return ""

    def program(self, name: str) -> str:
        return next((path for path in self.programs if name in (path, path.rpartition("/")[2])), "")

    def start(
        self,
        *command: str,
        timeout: float | None = None,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        given: str = "",
    ) -> Callable[[], Answer]:
        self.asked.append(command)
        path = self.program(command[0])
        program = self.programs[path] if path else Answer(-1, fault=f"no program {command[0]}")
        answer = program if isinstance(program, Answer) else program(command)
        return lambda: answer

    def refusal(self, path: str) -> str:
        return "" if path in self.sockets else "No such file or directory"

    def device(self, path: str) -> int:
        if self.kvm:
            code = getattr(errno, self.kvm)
            raise OSError(code, os.strerror(code), path)
        return os.open(os.devnull, os.O_RDWR)

    def ioctl(self, descriptor: int, request: int) -> int:
        return self.api_version if request & 0xFF == 0 else os.open(os.devnull, os.O_RDWR)
