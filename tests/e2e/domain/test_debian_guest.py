"""The guest image that packaging/guest-image builds: a VM job boots it by BIOS and by UEFI, and its cloud-init runs.

Where KVM cannot run Linux, QEMU emulates the processor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.domain import scene
from testnode import debian_guest, jobs, linux_guest, pool, recipe
from testnode.node import Node

pytestmark = [pytest.mark.guest, pytest.mark.full]

IMAGE = "/srv/images/debian.qcow2"
EMULATED = "/srv/emulated.sh"
FIRMWARE = {"bios": "", "uefi": 'MY.VMPARAM_Firmware = "uefi"\n'}
TIME = 2400  # seconds: emulated, a boot takes one or two minutes of a processor that others use, too
_SIZE = 5  # GiB of the job's disk: more than the image has
# What the guest is asked, by the name under which it says it
ASKED = {
    "firmware": "test -d /sys/firmware/efi && echo uefi || echo bios",
    "host": "cat /etc/hostname",
    "datasource": "cloud-id",
    "failed": "systemctl --failed --plain --no-legend | wc --lines",
    "root": "df --block-size=1M --output=size / | tail --lines=1",
    "virtiofs": "grep --count virtiofs /proc/filesystems",
    "machine": "cat /etc/machine-id",
    "keys": "cat /etc/ssh/ssh_host_*_key.pub",
    "timers": "systemctl list-timers --no-legend | wc --lines",
    "agent": "test -x /usr/sbin/qemu-ga && echo installed",
}


def seed(name: str) -> tuple[str, str]:
    """Return user-data and meta-data of the guest that is asked."""
    questions = "".join(f'      echo "guest: {key} $({command})"\n' for key, command in ASKED.items())
    user_data = f"#cloud-config\nruncmd:\n  - |\n      exec > /dev/ttyS0\n{questions}"
    return f"{user_data}power_state: {{mode: poweroff}}\n", f"instance-id: {name}\nlocal-hostname: guest-{name}\n"


def job(name: str) -> str:
    """Return the submit file of a job with this firmware, which brings the seed as its second disk."""
    inputs = f"nfs://{IMAGE}?size={_SIZE}G:disk.qcow2, {scene.HOME}/{name}/seed.img"
    description = re.sub(r"(?m)^(transfer_input_files *=) .*", rf"\1 {inputs}", jobs.VM_JOB)
    description = re.sub(r"(?m)^(vm_disk *=) .*", r"\1 disk.qcow2:vda:w:qcow2, seed.img:vdb:r:raw", description)
    description = re.sub(r"(?m)^(request_memory *=) .*", r"\1 1024", description)
    more = f"initialdir = {scene.HOME}/{name}\nlog = {scene.HOME}/{name}.log\n{FIRMWARE[name]}"
    return re.sub(r"(?m)^log *=.*\n", more, description)


@dataclass(frozen=True)
class Ended:
    """The jobs' event logs and consoles, and what each guest has answered, by the names in FIRMWARE."""

    events: dict[str, str]
    consoles: dict[str, str]
    said: dict[str, dict[str, str]]


def prepare(node: Node) -> None:
    debian_guest.write_image(node.root / IMAGE.lstrip("/"))
    script = node.root / EMULATED.lstrip("/")
    script.write_text((scene.HERE / "emulated.sh").read_text(encoding="utf-8"), encoding="utf-8")
    script.chmod(0o755)
    for name in FIRMWARE:
        node.run(["mkdir", f"{scene.HOME}/{name}"], user=recipe.USER)
        debian_guest.write_seed(node.root / scene.HOME.lstrip("/") / name / "seed.img", *seed(name))


@pytest.fixture(scope="module")
def ended() -> Iterator[Ended]:
    script = "" if linux_guest.runs_on_kvm() else f"LIBVIRT_XML_SCRIPT = {EMULATED}\n"
    with scene.busy_node(recipe.Release.TESTING, script) as node:
        prepare(node)
        for name in FIRMWARE:
            pool.submit(node, f"{name}.sub", job(name))
        events = {name: pool.wait_for_end(node, f"{name}.log", TIME) for name in FIRMWARE}
        home = node.root / scene.HOME.lstrip("/")
        consoles = {name: console(home / name) for name in FIRMWARE}
        said = {
            name: {key: words[-1] for key, words in linux_guest.said(text).items()} for name, text in consoles.items()
        }
        yield Ended(events, consoles, said)


def console(directory: Path) -> str:
    return (directory / "console.log").read_text(encoding="utf-8", errors="replace")


@pytest.mark.timeout(TIME + 600)
@pytest.mark.parametrize("name", FIRMWARE)
def test_guest_boots_by_each_firmware_and_its_power_off_ends_the_job(ended: Ended, name: str) -> None:
    assert ended.said[name]["firmware"] == name
    assert "Normal termination (return value 0)" in ended.events[name]


@pytest.mark.parametrize("name", FIRMWARE)
def test_cloud_init_takes_the_seed_and_says_on_the_console_that_it_has_finished(ended: Ended, name: str) -> None:
    assert re.search(r"Cloud-init v\. \S+ finished at .* DataSourceNoCloud \[seed=/dev/vdb\]", ended.consoles[name])
    assert (ended.said[name]["datasource"], ended.said[name]["host"]) == ("nocloud", f"guest-{name}")


@pytest.mark.parametrize("name", FIRMWARE)
def test_nothing_fails_and_nothing_runs_by_the_clock(ended: Ended, name: str) -> None:
    assert (ended.said[name]["failed"], ended.said[name]["timers"]) == ("0", "0")


@pytest.mark.parametrize("name", FIRMWARE)
def test_file_system_is_as_large_as_the_jobs_disk(ended: Ended, name: str) -> None:
    assert int(ended.said[name]["root"]) > (_SIZE - 0.4) * 1024, "MiB, less what the file system itself takes"


@pytest.mark.parametrize("name", FIRMWARE)
def test_guest_has_virtiofs_and_the_agent(ended: Ended, name: str) -> None:
    assert (ended.said[name]["virtiofs"], ended.said[name]["agent"]) == ("1", "installed")


def test_guests_of_one_image_share_neither_identity_nor_keys(ended: Ended) -> None:
    first, second = (ended.said[name] for name in FIRMWARE)
    assert first["machine"] != second["machine"]
    assert first["keys"] != second["keys"]
    assert first["keys"].startswith("ssh-ed25519 ")


@pytest.mark.parametrize("name", FIRMWARE)
def test_console_is_plain_text_that_begins_with_the_boot(ended: Ended, name: str) -> None:
    assert "Linux version " in ended.consoles[name]
    assert "\x1b[0;32m" not in ended.consoles[name], "systemd's colours"
