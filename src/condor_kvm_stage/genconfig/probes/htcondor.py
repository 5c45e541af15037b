"""HTCondor's version and configuration on this host, with the origin of each value."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...answer import Answer
from ...host import Host
from ...installed import CONFIG_DIR, HOLD_SETTINGS, KEYWORD, SNIPPET
from ...record import dataclass, field, replace
from ..outcome import PASSED, Outcome, of_answer
from . import master
from .versions import version_in

SETTINGS = (
    "CONDOR_VERSION",
    "DAEMON_LIST",
    "DETECTED_MEMORY",
    "ENABLE_URL_TRANSFERS",
    "EXECUTE",
    "FILETRANSFER_PLUGINS",
    "FULL_HOSTNAME",
    *HOLD_SETTINGS,
    f"{KEYWORD}_HOOK_PREPARE_JOB",
    "LIBVIRT_XML_SCRIPT",
    "MEMORY",
    "NUM_CPUS",
    "RESERVED_MEMORY",
    "START",
    "STARTD_ENFORCE_DISK_LIMITS",
    "STARTER_DEFAULT_JOB_HOOK_KEYWORD",
    "STARTER_JOB_HOOK_KEYWORD",
    "VM_GAHP_SERVER",
    "VM_MAX_NUMBER",
    "VM_MEMORY",
    "VM_NETWORKING",
    "VM_NETWORKING_TYPE",
    "VM_TYPE",
)
# HTCondor also accepts expressions for these
_NUMBERS = ("MEMORY", "NUM_CPUS", "RESERVED_MEMORY", "VM_MAX_NUMBER", "VM_MEMORY")
# Who reads the settings. A file can set one for one of them alone, as in STARTD.VM_MEMORY
_READERS = ("STARTD", "STARTER", "VM_GAHP")
_SETTING = re.compile(r"(?P<name>[^ #]+) (?P<several>@?)=(?P<rest>.*)")
_RAW = re.compile(r" # raw: (?P<name>[^ ]+) =.*")


@dataclass(frozen=True)
class Setting:
    """A setting in force."""

    value: str
    origin: str  # such as "/etc/condor/config.d/10-pool.conf, line 10"; that of a default is no path

    @property
    def in_another_file(self) -> bool:
        """Whether a file sets it that is not the snippet."""
        # As HTCondor has it: a path, or a path, a comma and more
        return self.origin.startswith("/") and self.origin.partition(",")[0] != SNIPPET


@dataclass(frozen=True)
class Htcondor:
    """HTCondor on this host."""

    configuration: Outcome  # whether it could be read
    config_dir: bool  # whether CONFIG_DIR exists
    version: tuple[int, ...]  # such as (25, 14, 1), () if unknown
    # Those of SETTINGS that a file sets or that have a default; the value may be empty. As those programs of HTCondor
    # read them that use them: the setting can have their name as a prefix
    settings: dict[str, Setting] = field(default_factory=dict)
    files: tuple[str, ...] = ()  # that HTCondor reads, in its order; () if unknown

    def value(self, name: str) -> str:
        """Return a setting's value, "" if it is not set."""
        setting = self.settings.get(name)
        return setting.value if setting else ""

    def number(self, name: str) -> int | None:
        """Return a setting that is an integer, None if it is not set or an expression."""
        value = self.value(name)
        return int(value) if value.isascii() and value.isdecimal() else None

    @property
    def memory(self) -> int | None:
        """MiB of all slots together: MEMORY or what HTCondor detects, minus RESERVED_MEMORY.

        As in HTCondor's sysapi_phys_memory(), where MEMORY = 0 means not set.
        """
        configured = self.number("MEMORY")
        if self.value("MEMORY") and configured is None:
            return None
        memory = configured or self.number("DETECTED_MEMORY")
        return None if memory is None else max(0, memory - (self.number("RESERVED_MEMORY") or 0))


def probe(host: Host) -> Htcondor:
    """Ask condor_config_val."""
    return start(host)()


def start(host: Host) -> Callable[[], Htcondor]:
    """Start condor_config_val. Returns a function that completes the probe."""
    environment = master.environment(host)
    answers = [
        host.start("condor_config_val", "-subsystem", reader, *files, "-verbose", *SETTINGS, environment=environment)
        for reader, files in zip(_READERS, (("-config",), (), ()))
    ]
    return lambda: _parsed(host, *(answer() for answer in answers))


def _parsed(host: Host, *answers: Answer) -> Htcondor:
    config_dir, first = host.is_directory(CONFIG_DIR), answers[0]
    settings = parse(first.output)
    if not settings:
        reason = first.fault or " ".join(first.errors.split()) or first.reason
        return Htcondor(of_answer(first, reason), config_dir, ())
    for reader, answer in zip(_READERS, answers):
        prefix = f"{reader}."
        own = {name: setting for name, setting in parse(answer.output).items() if name.startswith(prefix)}
        for name, setting in own.items():
            settings.pop(name, None)
            settings[name.removeprefix(prefix)] = setting
    for name in _NUMBERS:
        if name in settings and settings[name].value and not settings[name].value.isdecimal():
            settings[name] = replace(settings[name], value=_evaluated(host, name, settings[name].value))
    version = settings.get("CONDOR_VERSION")
    listed = first.output.partition(" # at: ")[0]  # by -config, which prints before the first setting
    files = tuple(line.strip() for line in listed.splitlines() if line.startswith("\t/"))
    return Htcondor(PASSED, config_dir, version_in(version.value) if version else (), settings, files)


def parse(output: str) -> dict[str, Setting]:
    """Return the settings that `condor_config_val -verbose NAME…` prints, by their names in capitals.

    The format is `NAME = value`, with the name as spelt in the file, or `NAME @=end`, indented lines, `@end`; then
    ` # at: file, line n` and more lines with ` #`. For an empty value there is only ` # at:`, and ` # raw: NAME = `.
    """
    found: dict[str, Setting] = {}
    name, value, end, origin = "", [""], "", ""
    for line in output.split("\n"):
        if end:
            if line == end:
                end = ""
            else:
                value.append(line.strip())
        elif line.startswith(" # at: "):
            origin = line[len(" # at: ") :]
            if name:
                found[name] = Setting("\n".join(value), origin)
                name = origin = ""
        elif origin and (match := _RAW.fullmatch(line)):
            found[match["name"].upper()] = Setting("", origin)
            origin = ""
        elif match := _SETTING.fullmatch(line):
            name = match["name"].upper()
            end = "@" + match["rest"] if match["several"] else ""
            value = [] if end else [match["rest"].strip()]
    return found


def _evaluated(host: Host, name: str, value: str) -> str:
    """Return the number that an expression such as `65536 * 0.9` evaluates to, or the expression if it does not."""
    number = host.run(
        "condor_config_val", "-macro", f"$INT({name})", environment=master.environment(host)
    ).output.strip()
    return number if number.isdecimal() else value
