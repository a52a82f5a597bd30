"""Packages that only some commands need: extras of ours."""

import importlib

from od_api.core.errors import UserError


def needed(module, extra, package=None):
    """A module that is imported when it is needed.

    Args:
      module: its name.
      extra: of ours, that installs it.
      package: its name for pip, where it is another.

    Raises:
      UserError: it is not installed, or cannot be imported; how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = package or module
        raise UserError(
            f"this needs the package {package}, which cannot be imported ({error}): "
            f"pip install 'od-api[{extra}]', or pip install {package}"
        ) from error
