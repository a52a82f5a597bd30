"""The detectors that `od-api init` makes configs of: the shipped ones for COCO."""

import difflib
import re
from pathlib import Path
from typing import NamedTuple

from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system import shipped

DEFAULT = "ssd_mobilenet_v2_fpnlite_320"
# CornerNet's hourglasses need a cluster and days.
_FOLDERS = ("ssd", "faster_rcnn", "rfcn")
_SUITED = re.compile(r"_coco$")
_SQUARE = re.compile(r"_(\d+)x\1$")
_PUBLISHED = re.compile(r"^# Published: ([\d.]+) mAP@\[\.5:\.95\]", re.MULTILINE)


class Choice(NamedTuple):
    """A detector to choose.

    Attributes:
      name: as users call it, e.g. `ssd_mobilenet_v2_fpnlite_320`.
      path: of the shipped config.
    """

    name: str
    path: Path

    def config(self):
        """Its TrainEvalPipelineConfig, as it is shipped."""
        return load_config(self.path)

    def published(self):
        """mAP of COCO in percent that was published of it; None where none is known."""
        found = _PUBLISHED.search(self.path.read_text("utf-8"))
        return float(found[1]) if found else None


def choices():
    """{name: Choice}, by name."""
    paths = [p for f in _FOLDERS for p in (shipped.folder() / f).glob("*_coco.config")]
    found = [Choice(_SQUARE.sub(r"_\1", _SUITED.sub("", p.stem)), p) for p in paths]
    return {choice.name: choice for choice in sorted(found)}


def chosen(name):
    """The Choice of a name, or of the name or path of its shipped config.

    Raises:
      UserError: there is none, with the nearest.
    """
    known = choices()
    stem = _SUITED.sub("", Path(name).name.removesuffix(".config"))
    short = _SQUARE.sub(r"_\1", stem)
    if short in known:
        return known[short]
    near = difflib.get_close_matches(short, known, n=3, cutoff=0.3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(
        f"there is no detector {printable(name)!r}{hint} (od-api init --list shows all)"
    )


def model_of(config):
    """The message of the detector in a config: `model.ssd` or `model.faster_rcnn`."""
    return getattr(config.model, config.model.WhichOneof("model"))


def input_size(model, image_size):
    """(height, width) that images of a size have as the network's input."""
    kind = model.image_resizer.WhichOneof("image_resizer_oneof")
    resizer = getattr(model.image_resizer, kind)
    if kind == "fixed_shape_resizer":
        return resizer.height, resizer.width
    height, width = image_size
    scale = resizer.min_dimension / min(height, width)
    scale = min(scale, resizer.max_dimension / max(height, width))
    return round(height * scale), round(width * scale)


def size_text(model):
    """The input's size in words: `320x320`, or `600..1024` of kept aspect ratios."""
    kind = model.image_resizer.WhichOneof("image_resizer_oneof")
    resizer = getattr(model.image_resizer, kind)
    if kind == "fixed_shape_resizer":
        return f"{resizer.height}x{resizer.width}"
    return f"{resizer.min_dimension}..{resizer.max_dimension}"
