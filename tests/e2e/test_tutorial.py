"""docs/tutorial.md: each of its lines, one after the other, on a node that is worker and access point in one.

Where KVM cannot run Linux, QEMU emulates the processor: minutes instead of seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.page_commands import Command, commands
from testnode import builds, debian_guest, linux_guest, node, recipe, stages
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/tutorial.md").read_text(encoding="utf-8")
EMULATED = "/srv/emulated.sh"
TIMEOUT = 3000  # seconds for a command: that which waits for emulated guests on a machine that does much else
# Not on the node, which has no network: the test's own copy of what it makes
BUILD = "make guest-image"
IMAGE = "root/dist/debian-13.qcow2"


@dataclass(frozen=True)
class Done:
    """A command of the page, and what it printed."""

    command: Command
    printed: list[str]


def prepare(worker: Node) -> None:
    """Bring the node to where the page begins: HTCondor, and the package's repository."""
    stages.make_bare(worker, builds.submit_package())
    if not linux_guest.runs_on_kvm():
        script = worker.root / EMULATED.lstrip("/")
        script.write_text((REPOSITORY / "tests/e2e/domain/emulated.sh").read_text(encoding="utf-8"), encoding="utf-8")
        script.chmod(0o755)
        settings = worker.root / "etc/condor/config.d/60-tests.conf"
        settings.write_text(f"LIBVIRT_XML_SCRIPT = {EMULATED}\n", encoding="utf-8")


def carry_out(worker: Node, command: Command) -> list[str]:
    if command.text == BUILD:
        debian_guest.write_image(worker.root / IMAGE)
        return []
    user = "root" if command.is_roots else recipe.USER
    home = "/root" if command.is_roots else f"/home/{recipe.USER}"
    shell = ["sh", "-c", f"cd {home} && {command.text}"]
    printed = worker.run(shell, user=user, timeout=TIMEOUT).stdout.splitlines()
    if "condor-kvm-stage" in command.text.split():
        stages.wait_for_vm_universe(worker, True)  # "within a minute"
    return printed


@pytest.fixture(scope="module")
def done() -> Iterator[list[Done]]:
    with node.running(Release.TESTING) as worker:
        prepare(worker)
        yield [Done(command, carry_out(worker, command)) for command in commands(PAGE)]


@pytest.mark.timeout(TIMEOUT + 600)
def test_each_command_works_and_prints_what_the_page_shows(done: list[Done]) -> None:
    shown = {one.command.text: one.command.output for one in done if one.command.output}
    assert shown
    printed = {one.command.text: [kernel(line) for line in one.printed] for one in done if one.command.output}
    assert printed == {text: [kernel(line) for line in lines] for text, lines in shown.items()}


def test_worker_is_listed_before_the_image_is_made(done: list[Done]) -> None:
    (listed,) = (one.printed for one in done if one.command.text.startswith("condor_status "))
    assert listed == [f"{recipe.HOSTNAME} kvm"]


def test_console_comes_back(done: list[Done]) -> None:
    assert done[-1].command.text.endswith("console-0.log")
    assert done[-1].printed


def kernel(line: str) -> str:
    """Return the line without a kernel's version, which Debian's next update changes."""
    return re.sub(r"\d+\.\d+\.\d+\S*-amd64", "VERSION", line)
