"""A libvirt for the unit tests: the domains that it runs, and virsh, which asks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from condor_kvm_stage.answer import Answer
from support.fake_host import FakeHost, write

SOCKET = "/run/libvirt/libvirt-sock"
VIRSH = "/usr/bin/virsh"
GONE, LIVING = 379, 412  # process ids
BEGAN = 88123
# In the program's name there can be anything
STAT = "{pid} (a) 1 (b c) S 1 412 412 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 {began} 2916352 231 18446744073709551615\n"


def mark(starter: int | str = GONE, started: int | str = BEGAN, scratch: str = "/x/dir_379/scratch") -> str:
    """The builder's element."""
    return f'<job xmlns="urn:condor-kvm-stage:job" scratch="{scratch}" starter="{starter}" started="{started}"/>'


def definition(number: int, name: str, metadata: str = "") -> str:
    """A domain's definition, in the form in which libvirt prints it."""
    return f"""<domain type='kvm' id='{number}'>
  <name>{name}</name>
  <uuid>{uuid(number)}</uuid>
  <metadata>
    {metadata}
  </metadata>
  <memory unit='KiB'>32768</memory>
</domain>

"""


def uuid(number: int) -> str:
    return f"{number:08x}-2c6c-4a0f-9c54-3f8f9a3f5d11"


class FakeLibvirt:
    """What libvirt runs: definitions, by UUID. destroyed: the UUIDs that it was told to destroy.

    answers: what virsh says instead, by its command and the UUID, or by the command alone. before: what happens before
    virsh answers a command.
    """

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        self.destroyed: list[str] = []
        self.answers: dict[tuple[str, ...], Answer] = {}
        self.before: dict[str, Callable[[], None]] = {}

    def run(self, number: int, name: str, metadata: str = "") -> None:
        self.running[uuid(number)] = definition(number, name, metadata)

    def virsh(self, command: tuple[str, ...]) -> Answer:
        if command[:4] != ("virsh", "--quiet", "--connect", "qemu:///system"):
            return Answer(1, errors="error: of no interest here\n")
        words = command[4:]
        self.before.pop(words[0], lambda: None)()
        for said in (words, words[:1]):
            if said in self.answers:
                return self.answers[said]
        if words == ("list", "--uuid"):
            return Answer(0, "".join(f"{domain}\n" for domain in self.running))
        what, domain = words
        if domain not in self.running:
            return Answer(1, errors=f"error: failed to get domain '{domain}'\n")
        if what == "destroy":
            self.destroyed.append(domain)
            del self.running[domain]
            return Answer(0)
        assert what == "dumpxml"
        return Answer(0, self.running[domain])


def host_of(libvirt: FakeLibvirt, root: Path, *, as_root: bool = True) -> FakeHost:
    """A host with that libvirt, and with one process: LIVING, since BEGAN."""
    write(root, f"proc/{LIVING}/stat", STAT.format(pid=LIVING, began=BEGAN))
    return FakeHost(root, programs={VIRSH: libvirt.virsh}, sockets=(SOCKET,), as_root=as_root)
