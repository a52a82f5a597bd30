"""What became of each tensor of an import, as a dict and as text."""

import os

from od_api.core.printable import printable

_SHOWN = 20


def report_of(source, found, taken, settings):
    """The report, of strings, numbers and lists alone.

    Args:
      source: path of the file.
      found: its OldSource, or None of a Keras weight file.
      taken: Report of `fine_tune.take`.
      settings: fields that were set in the config for the old network.
    """
    origins = found.origins if found else {}
    return {
        "source": os.fspath(source),
        "kind": found.kind if found else "Keras weights",
        "imported": {name: origins.get(name, "") for name in taken.restored},
        "new": taken.new,
        "other_shape": [
            {"name": name, "source": there, "model": here}
            for name, there, here in taken.mismatched
        ],
        "unused": taken.unused,
        "optimizer_tensors": found.optimizer if found else 0,
        "set_in_the_config": settings,
        "notes": found.notes if found else [],
    }


def report_text(report):
    """The report for people: counts, and the names that need a look."""
    counts = ", ".join(
        f"{len(report[name])} {name.replace('_', ' ')}"
        for name in ("imported", "new", "other_shape", "unused")
        if report[name] or name != "other_shape"
    )
    lines = [f"{printable(report['source'])} ({report['kind']}): {counts}"]
    for name in ("new", "unused"):
        lines += _listed(name, report[name])
    for one in report["other_shape"]:
        lines.append(
            f"other shape: {one['name']}: {one['source']} in the source, "
            f"{one['model']} in the model"
        )
    if report["optimizer_tensors"]:
        count = report["optimizer_tensors"]
        lines.append(f"left behind: {count} tensors of its optimizer")
    for field in report["set_in_the_config"]:
        lines.append(f"set in pipeline.config: {field}: true")
    return "\n".join([*lines, *(f"note: {note}" for note in report["notes"])])


def _listed(title, names):
    """The first names, one a line; import.json has them all."""
    lines = [f"{title}: {printable(name)}" for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        lines.append(f"{title}: and {len(names) - _SHOWN} more (import.json has all)")
    return lines
