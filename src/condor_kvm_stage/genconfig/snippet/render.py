"""Render the HTCondor configuration snippet from its values and the template in config.d/."""

from __future__ import annotations

import textwrap
from pathlib import Path

from ... import __version__
from ...installed import BUILDER, GAHP, HOLD_ATTRIBUTE, HOLD_SUBCODE, HOOK, KEYWORD, SNIPPET, WATCH
from ...record import asdict
from . import checksum, sizing, start_guard
from .values import Values

_PACKAGE = Path(__file__).parents[2]
# In a wheel config.d/ is in the package; in the repository (src/…) and the RPM (python/…) it is next to it
_TEMPLATES = [_PACKAGE / "config.d", _PACKAGE.parents[1] / "config.d"]


def prepare() -> None:
    """Import Jinja early, while other programs work: it takes as long as everything else together."""
    import jinja2  # noqa: F401


def render(values: Values) -> str:
    """Return the snippet's text, with its checksum. An undefined name in the template raises UndefinedError."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # HTCondor's configuration, not HTML
    )
    environment.filters["comment"] = _comment
    template = environment.get_template(f"{Path(SNIPPET).name}.j2")
    names = list(values.guard)
    text = template.render(
        asdict(values),
        version=__version__,
        memory=_memory(values.size),
        rules=start_guard.RULES,
        start=start_guard.start(names),
        names=names,
        builder=BUILDER,
        hook=HOOK,
        gahp=GAHP,
        hold_attribute=HOLD_ATTRIBUTE,
        hold_subcode=HOLD_SUBCODE,
        keyword=KEYWORD,
        watch=WATCH,
    )
    return checksum.added(text)


def _comment(text: str, begin: str = "# ") -> str:
    """Return text as comment lines."""
    return textwrap.fill(text, 120, initial_indent=begin, subsequent_indent=begin, break_on_hyphens=False)


def _memory(size: sizing.Sizing) -> str:
    """Return how VM_MEMORY was calculated, for a comment."""
    kept = f"{size.reserve} MiB stay with the host, {size.overhead} MiB with QEMU"
    cap = f"; limited by {size.cap}" if size.cap else ""
    if size.fixed:
        return f"MiB for all virtual machines together: vm.memory in the policy{cap}."
    return f"MiB for all virtual machines together. {kept}{cap}."
