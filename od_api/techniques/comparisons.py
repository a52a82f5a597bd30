"""What was measured of a technique, and what its tests are for."""

import ast
import functools
import json
from typing import NamedTuple

from od_api.system import shipped
from od_api.techniques.digests import digest

STALE = "stale"


class Comparison(NamedTuple):
    """A technique beside its base, as text for tables.

    Attributes:
      base: the config that it is compared with.
      base_map: mean mAP of the base over some seeds, with the least and the most; in
        brackets that of masks.
      map: that of the technique.
      parameters: added numbers in the checkpoint.
      latency: added milliseconds an image, and in percent.
    """

    base: str
    base_map: str
    map: str
    parameters: str
    latency: str


def comparison(name, path):
    """The Comparison of a config of configs/techniques, or None without a record.

    All of it is STALE where config or part are not those that were measured.
    """
    row = _record().get(name)
    if row is None:
        return None
    if row["digest"] != digest(path):
        return Comparison(row["base"], *[STALE] * 4)
    return Comparison(
        row["base"],
        _scores(row, "base_"),
        _scores(row, ""),
        f"{row['parameters'] - row['base_parameters']:+,}",
        _added(row["latency_ms"], row["base_latency_ms"]),
    )


@functools.cache
def proof_of(file):
    """The first line of the tests of a part's file; "" where there are none.

    Args:
      file: below od_api, e.g. "losses/balanced_l1.py".
    """
    family, _, part = file.rpartition("/")
    path = shipped.folder().parent / "tests" / family / f"test_{part}"
    if not path.is_file():
        return ""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


@functools.cache
def _record():
    """{technique: what benchmarks/techniques.py found}."""
    path = shipped.folder().parent / "benchmarks" / "techniques.json"
    return json.loads(path.read_text("utf-8"))["techniques"] if path.is_file() else {}


def _scores(row, prefix):
    boxes = row[f"{prefix}mAP"]
    text = f"{boxes['mean']:.3f} ({boxes['least']:.3f} to {boxes['most']:.3f})"
    masks = row.get(f"{prefix}mask_mAP")
    return f"{text}, masks {masks['mean']:.3f}" if masks else text


def _added(mine, base):
    return f"{mine - base:+.1f} ms ({100 * (mine / base - 1):+.0f} %)"
