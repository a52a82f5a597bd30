"""Where the time of a round goes, by functions of each side's own package.

Measures what the module `settings["of"]` measures, under cProfile. A function's time
includes that of all it calls, so that parts do not add up to the whole; Python takes
longer than without a profile, and other threads are not seen.
"""

import cProfile
import importlib.util
import pathlib
import pstats

_PACKAGES = {"ours": "od_api", "old": "object_detection"}


def ours(settings):
    yield from _profiled("ours", settings)


def old(settings):
    yield from _profiled("old", settings)


def _profiled(side, settings):
    rounds = getattr(importlib.import_module(settings["of"]), side)(settings)
    yield next(rounds)
    while True:
        with cProfile.Profile() as profile:
            next(rounds)
        package = importlib.util.find_spec(_PACKAGES[side])
        yield shares(pstats.Stats(profile), package.submodule_search_locations)


def shares(stats, folders):
    """{"file.function": part of the whole} of a package's functions, largest first."""
    found = {}
    for (path, _, name), (_, _, _, seconds, _) in stats.stats.items():
        path = pathlib.Path(path)
        if any(path.is_relative_to(folder) for folder in folders):
            key = f"{path.stem}.{name}"
            found[key] = max(found.get(key, 0.0), seconds / stats.total_tt)
    return dict(sorted(found.items(), key=lambda item: -item[1]))
