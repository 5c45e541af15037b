"""Import modules from one file that has their bytecode, which takes half as long as to look for each of them.

The file is made when the package is installed (plugin/compiled.py). Without it, for modules that are not in it, and for
those whose source is newer, Python imports as usual.
"""

import marshal
import posix
import sys

from . import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

# Bytecode is of one version of Python; the name is that of such a file, which is removed like them
PLACE = f"{__file__.rpartition('/')[0]}/__pycache__/one_file_of_{{}}.{sys.implementation.cache_tag}.pyc"
_Spec: "Any" = type(sys.__spec__)


class _Importer:
    """A finder and loader, for sys.meta_path."""

    def __init__(self, modules: "dict[str, tuple[str, bool, bytes]]", made: int) -> None:
        self._modules = modules  # name to its source's path, whether it is a package, and its code for marshal
        self._made = made  # when the file was written, in ns since the epoch

    def find_spec(self, name: str, path: object = None, target: object = None) -> "Any":
        if name not in self._modules:
            return None
        source, is_package, _ = self._modules[name]
        try:
            if posix.stat(source).st_mtime_ns > self._made:  # in an image that is built, all files may have one time
                return None
        except OSError:
            return None
        spec = _Spec(name, self, origin=source, is_package=is_package)
        if is_package:  # for modules that are not in the file
            spec.submodule_search_locations.append(source.rpartition("/")[0])
        return spec

    def create_module(self, spec: object) -> None:
        pass

    def exec_module(self, module: "ModuleType") -> None:
        code: CodeType = marshal.loads(self._modules[module.__name__][2])
        exec(code, vars(module))


def use(program: str) -> None:
    """Import from a program's file from now on, if it is there, and of this Python and this version of the package."""
    try:
        with open(PLACE.format(program), "rb") as file:
            version, modules = marshal.load(file)
            made = posix.fstat(file.fileno()).st_mtime_ns
    except (OSError, EOFError, TypeError, ValueError):
        return
    if version == identity():
        sys.meta_path.insert(0, _Importer(modules, made))


def identity() -> "tuple[str, str]":
    """Return which versions a file is for."""
    return __version__, sys.version
