"""The rule of sizing, as the generator's manual page has it, is the one that the code follows."""

from __future__ import annotations

import re
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.genconfig.probes.memory import Memory
from condor_kvm_stage.genconfig.snippet import sizing
from condor_kvm_stage.policy.model import AUTO, VmPolicy
from support.manual_pages import Page, literals

RULE, NUMBER, *EXAMPLES = literals(Page("condor-kvm-stage-genconfig.8").section("SIZING"))
MIB = 1 << 20
MEMORY = st.integers(0, 1 << 23)


def follow(rule: str, **names: object) -> dict[str, int]:
    """What the lines `name = expression` of the page come to, one after the other."""
    found: dict[str, object] = {**names, "max": max, "min": min}
    for name, expression in re.findall(r"^(\w+) *= (.*)$", rule, re.MULTILINE):
        found[name] = eval(expression, {"__builtins__": {}}, found)
    return {name: value for name, value in found.items() if isinstance(value, int)}


@given(
    ram=MEMORY,
    huge_pages=MEMORY,
    slots=MEMORY,
    cgroup=MEMORY,
    machines=st.integers(1, 512),
    reserve=st.integers(0, 1 << 16),
    reserve_percent=st.integers(0, 90),
    overhead=st.integers(1, 1 << 12),
    memory_percent=st.integers(1, 100),
    fixed=st.booleans(),
)
def test_rule_of_the_page_gives_what_the_code_gives(
    ram: int,
    huge_pages: int,
    slots: int,
    cgroup: int,
    machines: int,
    reserve: int,
    reserve_percent: int,
    overhead: int,
    memory_percent: int,
    fixed: bool,
) -> None:
    wanted = VmPolicy()
    wanted.reserve, wanted.reserve_percent = reserve * MIB, reserve_percent
    wanted.overhead, wanted.memory_percent = overhead * MIB, memory_percent
    wanted.max_number = machines if fixed else AUTO
    vm = SimpleNamespace(
        reserve=reserve, reserve_percent=reserve_percent, overhead=overhead, memory_percent=memory_percent
    )
    rule = RULE if fixed else RULE + NUMBER
    page = follow(rule, vm=vm, ram=ram, huge_pages=huge_pages, slots=slots, cgroup=cgroup, machines=machines)
    found = sizing.size(Memory(ram, huge_pages, 1, cgroup), slots, 7 if fixed else machines, wanted)
    assert (found.memory, found.reserve, found.overhead) == (page["VM_MEMORY"], page["reserve"], page["overhead"])
    assert found.number == page.get("VM_MAX_NUMBER", machines)


def test_examples_come_out_as_the_page_says() -> None:
    assert len(EXAMPLES) == 2
    for example in EXAMPLES:
        numbers = {name: int(number) for name, number in re.findall(r"^(\S.*?) {2,}(\d+)", example, re.MULTILINE)}
        ram, huge_pages, cpus = (numbers.pop(name) for name in list(numbers)[:3])
        found = sizing.size(Memory(ram, huge_pages, 1, None), None, cpus, VmPolicy())
        assert numbers == {
            "reserve": found.reserve,
            "overhead": found.overhead,
            "offered": ram - huge_pages - found.reserve - found.overhead,
            "VM_MEMORY": found.memory,
            "VM_MAX_NUMBER": found.number,
        }


def test_size_that_the_policy_fixes_has_the_limits_that_the_page_names() -> None:
    text = Page("condor-kvm-stage-genconfig.8").section("SIZING")
    (limits,) = re.findall(r"never more than (``.*)\.$", text, re.MULTILINE)
    assert re.findall(r"``(.*?)``", limits) == ["ram - huge_pages", "slots", "cgroup"]
    wanted = VmPolicy()
    wanted.memory = 5000 * MIB
    sizes = [
        sizing.size(Memory(ram, 1000, 1, cgroup), slots, 8, wanted).memory
        for ram, slots, cgroup in ((9000, 9000, 9000), (4003, 9000, 9000), (9000, 3002, 9000), (9000, 9000, 3001))
    ]
    assert sizes == [5000, 3003, 3002, 3001]
