"""What the attacks of cases.py have come to, on a node for each class of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testnode.node import Node

pytest.register_assert_rewrite("e2e.domain.cases", "e2e.domain.isolation_cases")

from e2e.domain import cases, isolation, scene, two_users, wave  # noqa: E402


@pytest.fixture(scope="class")
def opened(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A node with the release of the class, whose START lets all jobs in."""
    with scene.open_node(request.cls.release) as worker:
        yield worker


@pytest.fixture(scope="class")
def hooked(opened: Node) -> wave.Wave:
    """All attacks on a node as the package configures it, but for START."""
    return wave.run(opened, cases.ATTACKS)


@pytest.fixture(scope="class")
def unhooked(opened: Node, hooked: wave.Wave) -> wave.Wave:
    """The attacks that get as far as to the builder, on the node without the hook."""
    with scene.without_hook(opened):
        return wave.run(opened, cases.FOR_THE_BUILDER)


@pytest.fixture(scope="class", params=["hooked", "unhooked"])
def either(request: pytest.FixtureRequest) -> wave.Wave:
    found: wave.Wave = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="class")
def ended(request: pytest.FixtureRequest) -> Iterator[isolation.Ended]:
    """What attacks of one user's jobs on another's have come to, on a node with the release of the class."""
    with two_users.node(request.cls.release) as worker:
        yield isolation.run(worker)
