"""Where the shipped configs and the schema are: in the package, or in its checkout."""

import pathlib

_PACKAGE = pathlib.Path(__file__).parent.parent
_NAME = "configs"


def folder(package=_PACKAGE):
    """The folder `configs/`: of the installed package, else of the checkout."""
    installed = package / _NAME
    return installed if installed.is_dir() else package.parent / _NAME


def found(path):
    """What a command's argument names: a file of the user's, else a shipped one.

    Args:
      path: text, of any kind.

    Returns:
      The text as it is where such a file exists or none is shipped under that name;
      else the path of the shipped file, for `configs/ssd/demo.config` as for
      `ssd/demo.config`.
    """
    if pathlib.Path(path).exists():
        return path
    parts = pathlib.PurePath(path).parts
    shipped = folder().joinpath(*parts[parts[:1] == (_NAME,) :])
    return str(shipped) if parts and shipped.is_file() else path


def schema(package=_PACKAGE):
    """The folder of the `.proto` files, likewise."""
    installed = package / "protos"
    return installed if any(installed.glob("*.proto")) else package.parent / "protos"
