"""How much memory the host has, and how much of it is reserved."""

from __future__ import annotations

from collections.abc import Callable

from ...host import FactsError, Host
from ...record import dataclass

_NO_LIMIT_BYTES = 1 << 60  # cgroup v1 shows "no limit" as the largest multiple of a page


_GUESTS = "machine.slice"  # where libvirt puts guests, on a host with systemd


@dataclass(frozen=True)
class Memory:
    """The host's memory."""

    ram: int  # MiB, MemTotal
    huge_pages: int  # MiB, reserved for huge pages of all sizes, which guests do not use
    numa_nodes: int  # how many there are
    cgroup_limit: int | None  # MiB, of the control group of the system, the container, or guests; None for none


def probe(host: Host) -> Memory:
    """Read how much there is, and ask systemd what of it guests may have."""
    return start(host)()


def start(host: Host) -> Callable[[], Memory]:
    """Start asking systemd. Returns a function that completes the probe from /proc/meminfo, /sys and control groups.

    That raises FactsError where /proc is not what proc(5) says.
    """
    of_guests = host.start("systemctl", "show", "--property=MemoryMax", "--value", _GUESTS)

    def answer() -> Memory:
        meminfo = host.text("/proc/meminfo")
        if meminfo is None:
            raise FactsError("there is no /proc/meminfo; check that /proc is mounted")
        nodes = [name for name in host.names("/sys/devices/system/node") if name[:4] == "node" and name[4:].isdecimal()]
        limit = _cgroup_limit_mib(host, of_guests().output)
        return Memory(ram_mib(meminfo), _huge_pages_mib(host), max(1, len(nodes)), limit)

    return answer


def ram_mib(meminfo: str) -> int:
    """Return the host's RAM in MiB from the text of /proc/meminfo (`MemTotal: 16384000 kB`). Raises FactsError."""
    for line in meminfo.splitlines():
        key, _, value = line.partition(":")
        fields = value.split()
        if key == "MemTotal" and len(fields) == 2 and fields[1] == "kB" and fields[0].isdecimal():
            return int(fields[0]) // 1024
    raise FactsError("/proc/meminfo has no line 'MemTotal: <number> kB'; is /proc mounted?")


def _huge_pages_mib(host: Host) -> int:
    """Linux's Documentation/admin-guide/mm/hugetlbpage.rst: /sys/kernel/mm/hugepages/hugepages-<size>kB."""
    total_kib = 0
    for name in host.names("/sys/kernel/mm/hugepages"):
        size = name[len("hugepages-") : -len("kB")]
        count = (host.text(f"/sys/kernel/mm/hugepages/{name}/nr_hugepages") or "").strip()
        if size.isdecimal() and count.isdecimal():
            total_kib += int(size) * int(count)
    return total_kib // 1024


def _cgroup_limit_mib(host: Host, of_guests: str) -> int | None:
    """The smallest limit of process 1's control group and those above it (cgroups(7); memory.max, v1's limit), and of
    the slice for virtual machines, which systemd knows also while there are none.

    Not of this process: an administrator's session may have a limit that the boot unit does not have.
    of_guests: the limit of that slice, as systemd prints it.
    """
    limits = []
    configured = of_guests.strip()
    if configured.isdecimal() and int(configured) < _NO_LIMIT_BYTES:
        limits.append(int(configured) >> 20)
    for line in (host.text("/proc/1/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mount, name = "/sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mount, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):
            value = (host.text("/".join([mount, *parts[:depth], name])) or "").strip()
            if value.isdecimal() and int(value) < _NO_LIMIT_BYTES:
                limits.append(int(value) >> 20)
    return min(limits, default=None)
