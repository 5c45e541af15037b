"""The package in a worker's image: baked offline, in the ways of image builders; booted, on this host and on others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testnode import bake, container, dnf, evidence, guest, jobs, meminfo, node, pool, recipe, root, site, stages
from testnode.bake import Way
from testnode.node import Node
from testnode.recipe import Release

SNIPPET = site.SNIPPET.lstrip("/")
PRIVATE = "usr/share/condor-kvm-stage/python"
ENABLED = {
    "etc/systemd/system/multi-user.target.wants/condor-kvm-stage.service",
    "etc/systemd/system/condor.service.wants",
    "etc/systemd/system/condor.service.wants/condor-kvm-stage.service",
}


@dataclass(frozen=True)
class Image:
    """A baked image. changed: what is new or different in its tree, directories only if new. owned: by the package."""

    tree: Path
    baked: bake.Baked
    changed: set[str]
    owned: set[str]


@dataclass(frozen=True)
class FirstBoot:
    """A node that has booted the image for the first time; what VM universe it offers, and what its snippet says."""

    node: Node
    slot: pool.Ad
    snippet: str

    @property
    def vm_memory(self) -> int:
        (line,) = [line for line in self.snippet.splitlines() if line.startswith("VM_MEMORY = ")]
        return int(line.removeprefix("VM_MEMORY = "))


@pytest.fixture(scope="module", params=Way, ids=lambda way: way.name.lower())
def image(request: pytest.FixtureRequest) -> Iterator[Image]:
    with root.cached(Release.TESTING) as before, container.tree(Release.TESTING) as tree:
        baked = bake.bake(tree, request.param)
        changed = set(_changed(before, container.changes(tree)))
        owned = _said(tree, "rpm", "-ql", "--noghost", recipe.PACKAGE).splitlines()
        yield Image(tree, baked, changed, {path.lstrip("/") for path in owned})


def _changed(before: Path, changes: Path) -> Iterator[str]:
    for path in changes.rglob("*"):
        place = path.relative_to(changes)
        if path.is_symlink() or not path.is_dir() or not (before / place).is_dir():
            yield str(place)


@pytest.fixture(scope="module")
def baked_tree() -> Iterator[Path]:
    with container.tree(Release.TESTING) as tree:
        bake.bake(tree, Way.INSTALLROOT)
        yield tree


@pytest.fixture(scope="module")
def first_boot(baked_tree: Path) -> Iterator[FirstBoot]:
    with node.running(tree=baked_tree) as worker:
        yield _offered(worker)


def _offered(worker: Node) -> FirstBoot:
    stages.wait_for_vm_universe(worker, offered=True)
    return FirstBoot(worker, pool.slot_ad(worker), (worker.root / SNIPPET).read_text(encoding="utf-8"))


def test_image_differs_by_the_package_its_bytecode_and_the_enabled_unit_alone(image: Image) -> None:
    tag = _said(image.tree, "python3", "-c", "import sys; print(sys.implementation.cache_tag)").strip()
    modules = [Path(place) for place in image.owned if place.startswith(PRIVATE) and place.endswith(".py")]
    bytecode = {str(module.parent / f"__pycache__/{module.stem}.{tag}.pyc") for module in modules}
    bytecode.add(f"{PRIVATE}/condor_kvm_stage/__pycache__/one_file_of_vm-nfs-plugin.{tag}.pyc")
    made = {place for place in image.changed - image.owned if not _is_kept(place)}
    assert bytecode
    assert {place for place in made if place.startswith(PRIVATE)} == bytecode
    assert made - bytecode == ENABLED


def test_image_holds_no_snippet_and_no_number_of_the_builders_memory(image: Image) -> None:
    assert not (image.tree / SNIPPET).exists()
    kib = meminfo.ram_kib()
    number = re.compile(rb"\b(%d|%d)\b" % (kib, kib // 1024))
    # what the package brings is the same on every builder
    made = [image.tree / place for place in image.changed - image.owned if not place.startswith(PRIVATE)]
    assert not [path for path in made if path.is_file() and number.search(path.read_bytes())]


def test_builder_is_left_alone(image: Image) -> None:
    assert image.baked.left_on_builder == []


def test_package_in_the_image_verifies(image: Image) -> None:
    assert _said(image.tree, "rpm", "--verify", recipe.PACKAGE) == ""


def test_dnf_says_nothing_but_its_own_words(image: Image) -> None:
    assert dnf.foreign_lines(image.baked.output) == []


@pytest.mark.guest
def test_first_boot_makes_a_vm_node_of_the_image(first_boot: FirstBoot) -> None:
    assert f"#   {meminfo.ram_kib() // 1024} MiB of memory\n" in first_boot.snippet
    assert first_boot.slot["VM_Memory"] == first_boot.vm_memory > 0
    check = first_boot.node.run("condor-kvm-stage-genconfig --check")
    assert check.stdout.splitlines()[-1].startswith("This node can run VM jobs")


@pytest.mark.guest
def test_first_boot_changes_no_file_of_a_package(first_boot: FirstBoot) -> None:
    assert first_boot.node.run("rpm -qa --verify").stdout == ""


@pytest.mark.guest
@pytest.mark.full
def test_virtual_machine_runs_on_the_image_after_its_first_boot(first_boot: FirstBoot) -> None:
    worker = first_boot.node
    guest.write_base(worker.root / jobs.BASE.lstrip("/"), "qcow2")
    pool.submit(worker, "vm-job.sub", jobs.VM_JOB)
    events = pool.wait_for_end(worker, jobs.VM_JOB_LOG, 240)
    assert "Normal termination (return value 0)" in events
    disk = evidence.disk_content(worker, f"/home/{recipe.USER}/{jobs.VM_JOB_DISK}")
    assert guest.pattern_sector(disk) == guest.PATTERN.ljust(guest.SECTOR, b"\0")


@pytest.mark.guest
def test_same_image_offers_less_on_a_host_with_less_memory(baked_tree: Path, first_boot: FirstBoot) -> None:
    memory = meminfo.ram_kib() // 1024 // 2
    with node.running(tree=baked_tree, memory=memory) as worker:
        smaller = _offered(worker)
    assert f"#   {memory} MiB of memory\n" in smaller.snippet
    assert smaller.slot["VM_Memory"] == smaller.vm_memory
    assert 0 < smaller.vm_memory < memory < first_boot.vm_memory


def test_build_machine_that_runs_is_configured_at_its_next_boot_if_told_that_it_is_one(bare: stages.Bare) -> None:
    """As Packer's builders do it that boot the image: provision it, then make it the image."""
    bare.node.run("env SYSTEMD_OFFLINE=1 dnf --assumeyes install condor-kvm-stage", timeout=120)
    assert not (bare.node.root / SNIPPET).exists()
    bare.node.reboot()
    assert f"#   {meminfo.ram_kib() // 1024} MiB of memory\n" in (bare.node.root / SNIPPET).read_text(encoding="utf-8")


def test_snippet_rendered_into_the_image_gives_way_at_the_first_boot_to_what_the_host_has() -> None:
    with container.tree(Release.TESTING) as tree:
        bake.bake(tree, Way.INSTALLROOT)
        policy = tree / site.POLICY.lstrip("/")
        policy.write_text(
            '[vm]\nmemory = "1T"\nmax_number = 4\n[network]\ntypes = ["user"]\n',
            encoding="utf-8",
        )
        bake.render(tree)
        assert "\nVM_MEMORY = 1048576\n" in (tree / SNIPPET).read_text(encoding="utf-8")
        with node.running(tree=tree) as worker:
            snippet = (worker.root / SNIPPET).read_text(encoding="utf-8")
    assert f"#   {meminfo.ram_kib() // 1024} MiB of memory\n" in snippet
    assert "1048576" not in snippet


def _is_kept(place: str) -> bool:
    return any(Path(place).is_relative_to(kept) for kept in dnf.KEPT)


def _said(tree: Path, *command: str) -> str:
    return container.execute(tree, command, check=False).stdout
