"""Guests for the tests of what shows them: libvirt's files of them, as a node had them, and what virsh says."""

from __future__ import annotations

import os
from pathlib import Path

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.leftovers import guest_status
from condor_kvm_stage.leftovers.private_dirs import SUFFIX
from support.fake_host import FakeHost, write

_VIRSH = "/usr/bin/virsh"
_DATA = Path(__file__).parents[1] / "data/status/domain.xml"
_SCRATCH = "/var/lib/condor/execute/dir_405/scratch"
_INTERFACE = """\
<interface type='network'><mac address='52:54:00:00:00:{number:02x}'/><source network='default'/></interface>
    </devices>"""
_LEASE = " 2026-11-27 12:00:00   52:54:00:00:00:{number:02x}   ipv4   192.168.122.{number}/24   {name}   01:52:54\n"
BOOT = 1795700000
TICKS = os.sysconf("SC_CLK_TCK")


class FakeGuests:
    """Guests of jobs, each with a scratch directory below a directory, in which the private directories are, too."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.status = directory / "libvirt"
        self.status.mkdir()
        self.stats: list[str] = []
        self.leases = ""
        self.virsh_says: Answer | None = None
        self.host = FakeHost(directory / "root", programs={_VIRSH: self._virsh})
        write(self.host.root, "proc/stat", f"cpu  1 2 3\nbtime {BOOT}\n")

    def add(self, number: int, state: str = "1", reason: str = "1", network: bool = False) -> Path:
        """Add a guest. Returns its scratch directory."""
        name, scratch = f"alice_worker_{number}.0", self.directory / f"dir_{number}/scratch"
        private = Path(f"{scratch}{SUFFIX}")
        scratch.mkdir(parents=True)
        private.mkdir()
        (private / "disk.qcow2").write_bytes(b"x" * 8192)
        text = _DATA.read_text(encoding="utf-8").replace(_SCRATCH, str(scratch)).replace("alice_worker_1.0", name)
        text = text.replace("<label>+1000:", f"<label>+{os.getuid()}:").replace("pid='476'", f"pid='{number}'")
        if network:
            text = text.replace("</devices>", _INTERFACE.format(number=number))
            self.leases += _LEASE.format(number=number, name="a guest's own words")
        (self.status / f"{name}.xml").write_text(text, encoding="utf-8")
        before = " ".join(["S", *["0"] * 18, str(100 * TICKS)])
        write(self.host.root, f"proc/{number}/stat", f"{number} (qemu) {before} 0\n")
        self.add_stats(name, state, reason)
        return scratch

    def add_stats(self, name: str, state: str = "1", reason: str = "1") -> None:
        """Let libvirt say that a domain runs."""
        lines = (f"Domain: '{name}'", f"  state.state={state}", f"  state.reason={reason}", "  cpu.time=1710000000")
        self.stats.append("".join(f"{line}\n" for line in lines))

    def _virsh(self, command: tuple[str, ...]) -> Answer:
        if self.virsh_says:
            return self.virsh_says
        if command[4] == "domstats":
            return Answer(0, "\n".join(self.stats))
        assert command[4:] == ("net-dhcp-leases", "default")
        return Answer(0, self.leases)


def directory_of_libvirt(guests: FakeGuests) -> tuple[object, str, str]:
    """The arguments with which to let libvirt's files be those of the guests (monkeypatch.setattr)."""
    return guest_status, "DIRECTORY", str(guests.status)
