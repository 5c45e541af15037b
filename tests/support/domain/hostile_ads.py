"""Job ads as an attacker writes them: the example's, with attributes that are otherwise, in each way that helps him."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from support.domain.job_ads import EXAMPLE, string

MARKUP = [
    "'/><source file='/etc/shadow'/><x a='",
    '"/><disk type="file"><source file="/etc/shadow"/></disk><x a="',
    "</name><devices><disk type='file'><source file='/etc/shadow'/></disk></devices><name>",
    "1</vcpu><devices><hostdev mode='subsystem' type='pci'/></devices><vcpu>1",
    "]]><!--",
    "&xxe;<!DOCTYPE domain [<!ENTITY xxe SYSTEM 'file:///etc/shadow'>]>",
    "&lt;&#60;&amp;",
    "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-hda'/>",
]
PLACES = [
    *["/etc/shadow", "../../../../etc/shadow", "..", ".", ".job.ad", "/", "//etc/shadow", "/srv/disks", "/srv/disks/"],
    *["/srv/disks/../../etc/shadow", "/srv/disks/./a", "/srv/disks//a", "/srv/disks/none", "/srv/disksx/a", "a/b"],
    *["/srv/images/base.qcow2", "/dev/sda", "/proc/self/fd/0", "nbd://host/export", "json:{}", "fd:0", "console.log"],
    *[".console", ".console.out", "scratch.condor-kvm-stage/a", "none", "disk.qcow2/..", "disk.qcow2 ", "DISK.qcow2"],
]
EXPRESSIONS = [
    *["undefined", "error", "true", "false", "MY.Cmd", "1 + 1", "-1", "0", "1e3", "1.5", "999999999", "1000000000"],
    *[
        'strcat("disk", ".qcow2:vda:w")',
        'ifThenElse(true, "a", "b")',
        '{ "a" }',
        '[ a = "b" ]',
        '"a" "b"',
        '""',
        '"',
        "",
    ],
    *["'kvm'", '"kvm', 'kvm"', '"kvm" ', "\t13", "\u0663", "0x10", "$$(Disk)", '"\\"', '"\\\\"', "9" * 5000],
]
ODD = [
    *MARKUP,
    *PLACES,
    "\0",
    "\1",
    "\x1b[31m",
    "\udcff",
    "\ud800",
    "\ufffe",
    "\u202e",
    "x" * 3000,
    "a\rb",
    "\n",
    "\\n",
]
# Those that there are on some node, with their formats
FILES = {
    "disk.qcow2": "qcow2",
    "data.raw": "raw",
    "a": "qcow2",
    "-": "raw",
    "x.qcow2": "qcow2",
    "seed.iso": "raw",
    "/srv/disks/shared.raw": "raw",
    "/srv/disks/alice/own.qcow2": "qcow2",
}
# What is behind a disk of good form, in the same string
SEPARATORS = ["", "", "", "", ":", ":raw", ":vmdk", ",", ",,", ";", " ", "\n", "'/>", ",a:vda:w", ",b:vdb:r:raw"]


def _text(random: Random) -> str:
    """Something odd, or some characters of any kind."""
    if random.randrange(2):
        return random.choice(ODD)
    planes = [0x80, 0x800, 0x10000, 0x110000]
    return "".join(chr(random.randrange(random.choice(planes))) for _ in range(random.randrange(8)))


def _disks(random: Random) -> str:
    """Disks that there are, most of the time; each on a device that can have it, most of the time."""
    names = random.sample(list(FILES), random.choice([1, 2, 3, 4]))
    if random.randrange(4):
        names = [name for name in names if not name.startswith("/")] or names
    disks = []
    for number, name in enumerate(names):
        bus = random.choice(["sd", "hd"] if "iso" in name else ["vd", "vd", "vd", "sd", "hd"])
        permission = random.choice(["w", "rw", "r"] if bus != "hd" or "iso" in name else ["w"])
        image_format = random.choice(["", "", f":{FILES[name]}", f":{FILES[name]}", ":raw"])
        letter = "abcd"[number if random.randrange(8) else 0]
        disks.append(f"{name}:{bus}{letter}:{permission}{image_format}")
    return random.choice([",", ", ", " , "]).join(disks)


def _odd_disks(random: Random) -> str:
    """A disk of which one field is not as it must be, and maybe something behind it."""
    fields = [random.choice(list(FILES)), random.choice(["vda", "sda", "hdc"]), "w", random.choice(["raw", "qcow2"])]
    which = random.randrange(4)
    near = [["seed.iso", "disk.qcow2/"], ["xvda", "hde", "vda1", "VDA"], ["x", "W", "rwx"], ["vmdk", "raw,", "RAW"]]
    fields[which] = random.choice([_text(random), random.choice(near[which])])
    return ":".join(fields[: random.choice([3, 4, 4])]) + random.choice(SEPARATORS)


def _one_of(*texts: str) -> Callable[[Random], str]:
    return lambda random: random.choice(texts)


def _number(largest: int) -> Callable[[Random], str]:
    return lambda random: str(random.randint(1, largest))


def _any(random: Random) -> str:
    return random.choice([random.choice(EXPRESSIONS), string(_text(random)), _text(random)])


# What can be in the place of each attribute that counts, of good form
GOOD: dict[str, Callable[[Random], str]] = {
    "VMPARAM_vm_Disk": lambda random: string(_disks(random)),
    "VMPARAM_VM_NAME": _one_of('"alice_worker_1.0"', '"a.b-c_d+e_pool.example.org_4294967295.99"'),
    "JobVMMemory": _number(999_999_999),
    "JobVM_VCPUS": _number(255),
    "JobVMNetworking": _one_of("true", "TRUE", "false"),
    "JobVMNetworkingType": _one_of('"nat"', '"user"', '"bridge"', '"NAT"', '""', '" nat "'),
    "JobVM_MACADDR": _one_of('"52:54:00:12:34:56"', '"AA:BB:CC:DD:EE:FF"', '""'),
    "JobVMVNCConsole": _one_of("true", "false", "false"),
    "JobVMCheckpoint": _one_of("false", "False"),
    "JobVMType": _one_of('"kvm"'),
    "RequestMemory": _number(4096),
    "RequestCpus": _number(64),
    "TransferOutput": _one_of('"disk.qcow2"', '"a, b"', '""'),
    "VMPARAM_Firmware": _one_of('"uefi"', '"bios"', '"UEFI"'),
    "VMPARAM_Job_Files": _one_of("true", "TRUE", "false"),
    "VMPARAM_No_Output_VM": _one_of("true", "false"),
}
BAD: dict[str, Callable[[Random], str]] = {
    **dict.fromkeys(GOOD, _any),
    "VMPARAM_vm_Disk": lambda random: random.choice([string(_odd_disks(random)), _any(random)]),
    "JobVM_MACADDR": lambda random: random.choice(['"53:54:00:12:34:56"', '"fe:54:00:12:34:56\'/>"', _any(random)]),
    "VMPARAM_VM_NAME": lambda random: random.choice([string(_text(random) + "_1.0"), _any(random)]),
    **dict.fromkeys(["JobVMMemory", "JobVM_VCPUS"], lambda random: random.choice(["0", "256", _any(random)])),
    "TransferIntermediate": _one_of('""', "undefined"),
    **dict.fromkeys(["VM_WORKING_DIR", "VMPARAM_Bridge_Interface", "TransferPlugins", "PreCmd", "Cmd", "User"], _any),
}


def _attribute(random: Random, kinds: dict[str, Callable[[Random], str]]) -> tuple[str, str]:
    """One of these, of which the one that has most in it comes most often."""
    name = random.choice(list(kinds)) if random.randrange(4) else "VMPARAM_vm_Disk"
    return name, kinds[name](random)


def _attack(random: Random, lines: list[str]) -> None:
    name, text = _attribute(random, random.choice([BAD, BAD, GOOD]))
    if random.randrange(4) == 0:
        # a line break in a string, behind which a line of another attribute seems to be
        name, text = random.choice(["Args", "Cmd", "VMPARAM_vm_Disk"]), string(f"x\n{name} = {text}")
    what = random.choice([*["replace"] * 7, "add", "first", "remove"])
    if what in ("replace", "remove"):
        lines[:] = [line for line in lines if not line.lower().startswith(f"{name.lower()} = ")]
    if what != "remove":
        other_letters = random.choice([name, name, name.lower(), name.upper(), name.swapcase()])
        lines.insert(0 if what == "first" else len(lines), f"{other_letters} = {text}")


def make(random: Random) -> bytes:
    """The example's ad with changes of good form; in most of them attacks as well; or bytes of any kind."""
    kind = random.randrange(20)
    if kind == 0:
        return random.randbytes(random.randrange(400))
    texts = {**EXAMPLE, **dict(_attribute(random, GOOD) for _ in range(random.randrange(6)))}
    lines = [f"{name} = {text}" for name, text in texts.items()]
    for _ in range(random.choice([1, 1, 2]) if kind < 14 else 0):
        _attack(random, lines)
    data = "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")
    if kind == 1:
        at = random.randrange(len(data))
        data = data[:at] + random.randbytes(random.randrange(5)) + data[at + random.randrange(5) :]
    return data
