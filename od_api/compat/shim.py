"""`import object_detection`, answered by the modules of this package."""

import importlib
import importlib.abc
import importlib.util
import pkgutil
import sys

import od_api.protos
from od_api.config.text_parsing import nearest
from od_api.core.errors import UserError

_ROOT = "object_detection"
_PACKAGES = {_ROOT, *(f"{_ROOT}.{n}" for n in ("builders", "protos", "utils"))}
_SCHEMA = [m.name for m in pkgutil.iter_modules(od_api.protos.__path__)]
# {old name: ours}
MODULES = {
    f"{_ROOT}.builders.model_builder": "od_api.compat.model_builder",
    f"{_ROOT}.utils.config_util": "od_api.compat.config_util",
    f"{_ROOT}.utils.dataset_util": "od_api.compat.dataset_util",
    f"{_ROOT}.utils.label_map_util": "od_api.compat.label_map_util",
    f"{_ROOT}.utils.ops": "od_api.compat.ops",
    f"{_ROOT}.utils.visualization_utils": "od_api.compat.visualization_utils",
    **{f"{_ROOT}.protos.{name}": f"od_api.protos.{name}" for name in _SCHEMA},
}


def install():
    """Makes `import object_detection...` find the modules of `MODULES`.

    Raises:
      UserError: the old API itself is installed, and would be found in part.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if _ROOT in sys.modules or importlib.util.find_spec(_ROOT) is not None:
        raise UserError(
            f"{_ROOT} is installed here, and od_api.compat would stand in for it: "
            "uninstall it (pip uninstall object-detection tf-models-research), or take "
            "its folder off PYTHONPATH"
        )
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the old names; each gets a module of its own with our module's contents."""

    def find_spec(self, fullname, path=None, target=None):
        """The spec of an old name; None for names of others.

        Raises:
          ImportError: the name is not among those that are there. It is no
            ModuleNotFoundError: `from package import name` would hide its words.
        """
        del path, target
        if fullname.partition(".")[0] != _ROOT:
            return None
        if fullname not in MODULES and fullname not in _PACKAGES:
            raise ImportError(
                f"od_api.compat has no {fullname}: {nearest(fullname, MODULES)}. The "
                "table of docs/migrating.md says what to call instead",
                name=fullname,
            )
        is_package = fullname in _PACKAGES
        return importlib.util.spec_from_loader(fullname, self, is_package=is_package)

    def create_module(self, spec):
        """As usual."""
        del spec

    def exec_module(self, module):
        """Fills a module with what ours has under public names."""
        ours = MODULES.get(module.__name__)
        if ours is not None:
            contents = vars(importlib.import_module(ours))
            public = {n: v for n, v in contents.items() if not n.startswith("__")}
            vars(module).update(public)
