"""The HTCondor configuration snippet: decide its values from the facts, render it, put it in place."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import jinja2

from .. import __version__
from ..errors import KvmStageError
from . import atomic
from .facts import HostFacts
from .sizing import vm_memory_mib

PATH = Path("etc/condor/config.d/50-condor-kvm-stage.conf")
# config.d/ lies two directories above the package in the repository (src/…) and as installed (python/…)
_TEMPLATES = Path(__file__).parents[3] / "config.d"


@dataclass(frozen=True)
class Values:
    """What the template may use. no_vm is the reason why the node offers no VM universe, "" if it does."""

    version: str
    ram_mib: int
    vm_memory_mib: int
    nat_network: bool
    no_vm: str


class SnippetError(KvmStageError):
    """The snippet cannot be put in place."""


def decide(facts: HostFacts) -> Values:
    """Return the values that the host's facts call for."""
    memory = vm_memory_mib(facts.ram_mib)
    no_vm = facts.kvm.reason
    if not no_vm and memory == 0:
        no_vm = f"{facts.ram_mib} MiB of RAM leave nothing for virtual machines"
    return Values(
        version=__version__,
        ram_mib=facts.ram_mib,
        vm_memory_mib=memory,
        nat_network=facts.nat_network,
        no_vm=no_vm,
    )


def render(values: Values) -> str:
    """Return the snippet's text. An undefined name in the template raises jinja2.UndefinedError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # HTCondor's configuration, not HTML
    )
    return environment.get_template(f"{PATH.name}.j2").render(asdict(values))


def installed(root: Path = Path("/")) -> str | None:
    """Return the text of the snippet in place under root, None if there is none. Raises SnippetError."""
    try:
        return (root / PATH).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnippetError(f"cannot read {root / PATH}: {error.strerror}") from error


def write(text: str, root: Path = Path("/")) -> bool:
    """Put the snippet in place under root if it differs from what is there. Returns whether it did.

    Raises SnippetError; nothing is changed then.
    """
    path = root / PATH
    if not path.parent.is_dir():
        raise SnippetError(f"{path.parent} is not there; install HTCondor (package condor), then run this again")
    return atomic.write(path, text)
