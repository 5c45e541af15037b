"""The configuration's text: a SUBMIT_REQUIREMENT for each rule of the guard, with the reason of a refusal."""

from __future__ import annotations

import string

from condor_kvm_stage import __version__
from condor_kvm_stage.genconfig.snippet import start_guard

from .causes import CAUSES, Cause
from .macros import ANY_DIRECTORY, macros, matches, quoted, use

_HEAD = f"""\
# HTCondor configuration of an access point, where VM jobs are submitted. From condor-kvm-stage-submit {__version__}.
#
# The nodes let in only VM jobs of strict form (START in 50-condor-kvm-stage.conf there). What none of them would let in
# is refused here, by condor_submit, with the reason: otherwise the job would stay idle for ever. What depends on a
# node's policy is not judged here, nor are jobs of other universes, and of another vm_type than kvm.
#
# The rules were made from those of the nodes when the package was built. An update replaces this file; to change
# something, set it in a file that HTCondor reads later, as /etc/condor/config.d/60-local.conf.
"""
_MACROS = """\

# What the reasons are made of: texts of the job's attributes; the first disk that is not as it must be, and its parts
"""
_NAMES = """\

# Appended: a site may have requirements of its own. One that sets the list later must append, too
SUBMIT_REQUIREMENT_NAMES = $(SUBMIT_REQUIREMENT_NAMES)"""
# Other nodes run those, and the job itself requires one
_OTHER_TYPE = '^"(?!kvm")[a-z]+"$'
# Characters of a reason, which the schedd writes into its log, too; room for two names of files
_LONGEST = 1000


def render() -> str:
    """Return the configuration."""
    text = _HEAD + _MACROS + "".join(f"VM_JOB_{name.upper()} = {value}\n" for name, value in macros().items())
    text += " ".join([_NAMES, *CAUSES]) + "\n"
    form = start_guard.form([ANY_DIRECTORY])
    other = f'{use("universe")} != "13" || {matches("type", _OTHER_TYPE, "i")}'
    for name, causes in CAUSES.items():
        text += f"\nSUBMIT_REQUIREMENT_{name} = {other} || ({form[name]}) =?= true\n"
        text += f"SUBMIT_REQUIREMENT_{name}_REASON = {_reason(causes)}\n"
    return text


def _reason(causes: list[Cause]) -> str:
    """Return the expression of the first cause's message whose condition holds."""
    *some, last = causes
    lines = [f"{cause.condition} ? {_message(cause.message)} :" for cause in some]
    return " \\\n    ".join(["substr(", *lines, f"{_message(last.message)}, 0, {_LONGEST})"])


def _message(text: str) -> str:
    """Return the expression of a message."""
    parts = []
    for words, name, _, _ in string.Formatter().parse(text):
        parts += [quoted(words)] if words else []
        parts += [use(name)] if name else []
    return parts[0] if len(parts) == 1 else f"strcat({', '.join(parts)})"
