"""Classes of `record` are like those of `dataclasses`, for the programs that use them and for its own functions."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from condor_kvm_stage import record
from support.installed_plugin import MODULES


def _make(module: Any) -> type[Any]:
    @module.dataclass(frozen=True)
    class Value:
        first: int
        second: str = "x"
        third: list[int] = module.field(default_factory=list)

        @property
        def twice(self) -> int:
            return 2 * self.first

    return Value


Ours, Original = _make(record), _make(dataclasses)
BOTH = pytest.mark.parametrize("kind", [Ours, Original])


@BOTH
def test_values_come_by_position_by_name_and_by_default(kind: type[Any]) -> None:
    value = kind(1, third=[2])
    assert (value.first, value.second, value.third, value.twice) == (1, "x", [2], 2)
    assert kind(1).third == []
    assert kind(1).third is not kind(1).third
    assert repr(value).endswith("Value(first=1, second='x', third=[2])")


@BOTH
@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, "", [], 4), {}), ((1,), {"first": 1}), ((1,), {"x": 1})])
def test_other_arguments_are_an_error(kind: type[Any], values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        kind(*values, **named)


@BOTH
def test_equal_are_those_of_one_class_with_equal_values(kind: type[Any]) -> None:
    assert kind(1) == kind(1, "x", [])
    assert kind(1) != kind(2)
    assert kind(1) != _make(record)(1)
    assert hash(kind(1, "x", ())) == hash(kind(1, "x", ()))
    assert len({kind(1, "x", ()), kind(1, "x", ()), kind(2, "x", ())}) == 2


@BOTH
def test_value_does_not_change(kind: type[Any]) -> None:
    value = kind(1)
    with pytest.raises(AttributeError):
        value.first = 2
    with pytest.raises(AttributeError):
        del value.first
    assert value == kind(1)


@pytest.mark.parametrize("module", [record, dataclasses])
def test_value_that_is_not_frozen_changes_and_has_no_hash(module: Any) -> None:
    @module.dataclass
    class Value:
        first: int = 0

    value = Value()
    value.first = 1
    assert value != Value()
    with pytest.raises(TypeError):
        hash(value)


@pytest.mark.parametrize("module", [record, dataclasses])
def test_functions_of_both_take_our_classes(module: Any) -> None:
    value = Ours(1, third=[2])
    assert module.replace(value, second="y") == Ours(1, "y", [2])
    assert module.asdict(value) == {"first": 1, "second": "x", "third": [2]}
    with pytest.raises(TypeError):
        module.replace(value, fourth=4)


@pytest.mark.parametrize("module", ["domain.cli", "gahp.job_mode", "genconfig.cli", "health.run", "status.cli"])
def test_programs_start_without_the_original(module: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(MODULES)!r}); import condor_kvm_stage.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-IBSc", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert "condor_kvm_stage.errors" in loaded
    assert not {"dataclasses", "inspect", "traceback"} & loaded
