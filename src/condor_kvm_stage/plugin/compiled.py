"""Make the file from which the plug-in imports its modules (one_file.py). The package's scriptlet runs this."""

import marshal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

from .. import atomic_file, one_file, program
from ..images import qcow2_end, qcow2_header, raw_end
from ..policy import staging_cache
from . import cli, transfer

PROGRAM = "vm-nfs-plugin"
# What a staging without a fault imports, with all that these import at start
_LOADED = (program, cli, transfer, qcow2_header, qcow2_end, raw_end, staging_cache)
_OURS = __name__.partition(".")[0] + "."


def make() -> None:
    """Make the file, of the modules as they are now."""
    modules = {}
    for name, module in sys.modules.items():
        spec = module.__spec__
        if spec and isinstance(spec.loader, SourceFileLoader) and name.startswith(_OURS):
            code = spec.loader.get_code(name)
            modules[name] = (spec.origin, spec.submodule_search_locations is not None, marshal.dumps(code))
    file = Path(one_file.PLACE.format(PROGRAM))
    file.parent.mkdir(exist_ok=True)
    atomic_file.write(file, marshal.dumps((one_file.identity(), modules)))
