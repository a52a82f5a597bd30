"""What is installed, against what the package asks for."""

import importlib.metadata
from typing import NamedTuple

from packaging.requirements import Requirement

OURS = "od-api"


class Installed(NamedTuple):
    """One requirement.

    Attributes:
      requirement: its text, as for pip.
      version: what is there; None for nothing.
      fits: whether that is what is asked for.
    """

    requirement: str
    version: str | None
    fits: bool


def requirements():
    """{extra: list of Installed}; "" is what the package needs itself.

    Raises:
      importlib.metadata.PackageNotFoundError: od-api itself is not installed.
    """
    metadata = importlib.metadata.metadata(OURS)
    found = {"": [], **{extra: [] for extra in metadata.get_all("Provides-Extra", [])}}
    for text in importlib.metadata.requires(OURS) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            found[""].append(_installed(requirement))
            continue
        for extra, entries in found.items():
            if extra and marker.evaluate({"extra": extra}):
                entries.append(_installed(requirement))
    return found


def version_of(package):
    """The version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _installed(requirement):
    version = version_of(requirement.name)
    text = f"{requirement.name}{requirement.specifier}"
    fits = version is not None and requirement.specifier.contains(
        version, prereleases=True
    )
    return Installed(text, version, fits)
