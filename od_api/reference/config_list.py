"""`od-api config list`: the shipped configs, as Markdown.

docs/shipped_configs.md is what this prints.
"""

import csv
import functools
import pathlib
import re
from typing import NamedTuple

from od_api.config.loading import load_config
from od_api.core.message_fields import set_values
from od_api.old_api.typed_extractors import stands_for
from od_api.system import shipped
from od_api.techniques.shipped_configs import shipped_configs

_HEAD = """\
# The shipped configs

Commands find them by name, wherever the package is installed: `od-api config explain
ssd/ssd_mobilenet_v1_300x300_coco.config`. `od-api config list` prints this page, and
[config_reference.md](config_reference.md) says what their fields mean.
[your_own_data.md](your_own_data.md) goes from your data to a config of your own.

* **Input**: height x width in pixels, or the limits that images are brought into.
* **Weights**: what `fine_tune_checkpoint` may name for the backbone. *Keras*: ImageNet
  weights of keras.applications (`.h5`). *old API*: its released detectors, whole, and
  slim's ImageNet weights ([migrating.md](migrating.md)). Both of the config's own
  `depth_multiplier`.
* **Scores** are as the header of the config has them: *published* by the authors of the
  method, *measured* here. Without one the config was not trained here.
* **Time and parameters** are those of the [full-size study](full_size_study/report.md):
  milliseconds an image of an exported model without trained weights, on two CPU cores
  (its `tables/latency.csv` and `machines.csv`).
"""
_FOLDERS = {
    "ssd": "SSD and RetinaNet",
    "faster_rcnn": "Faster R-CNN",
    "rfcn": "R-FCN",
    "keypoints": "Keypoints",
    "classifier": "Classifiers",
    "study": "Of the small study",
    "techniques": "Techniques",
}
# Backbones that each source has weights of.
_SOURCES = {
    "Keras": {
        *("mobilenet_v1", "mobilenet_v2", "resnet", "vgg16"),
        *("inception_v3", "inception_resnet_v2"),
        *("efficientnet", "mobilenet_v3"),
    },
    "old API": {
        *("mobilenet_v1", "mobilenet_v2", "resnet"),
        *("inception_v2", "inception_resnet_v2"),
    },
}
_RESIZERS = {
    "fixed_shape_resizer": "{m.height}x{m.width}",
    "keep_aspect_ratio_resizer": "{m.min_dimension} to {m.max_dimension}",
    "identity_resizer": "as it is",
}
# How the study's tables call a file: (pattern, name).
_STUDY = (
    (r"ssd/ssd_(.+)_300x300_coco", "SSD, {}, 300"),
    (
        r"faster_rcnn/faster_rcnn_(.+)_600x1024_coco",
        "Faster R-CNN, {}, 600, stride 16, 300 proposals",
    ),
    (r"rfcn/rfcn_(.+)_600x1024_coco", "R-FCN, {}, 600, stride 16, 300 proposals"),
)
_EXTRACTORS = {
    "mobilenet_v1": "MobileNet",
    "inception_v2": "Inception V2",
    "inception_v3": "Inception V3",
    "resnet101": "ResNet-101",
    "inception_resnet_v2": "Inception-ResNet-v2",
    "vgg16": "VGG-16",
}
_TABLE = pathlib.Path("docs", "full_size_study", "tables", "flops.csv")


class ListedConfig(NamedTuple):
    """A config, as the cells of its row.

    Attributes:
      name: below configs/, with "/".
      what: the first sentence of its header.
      size: of the input.
      backbone: its field in a Backbone message; "" of none.
      weights: sources that have some for the backbone, with commas.
      scores: what the header says was published or measured.
      time: milliseconds an image; "" where nobody measured it.
      parameters: their number, likewise.
    """

    name: str
    what: str
    size: str
    backbone: str
    weights: str
    scores: str
    time: str
    parameters: str


def config_list():
    """The page as text."""
    rows = listed_configs()
    lines = [_HEAD]
    for folder, title in _FOLDERS.items():
        inside = [row for row in rows if row.name.startswith(f"{folder}/")]
        lines += [f"## {title}", "", *_table(inside, folder), ""]
    return "\n".join(lines).rstrip() + "\n"


def listed_configs():
    """The ListedConfig of every shipped config, by name."""
    return [_listed(config) for config in shipped_configs()]


def _table(rows, folder):
    columns = ["config", "what", "input", "backbone", "weights", "scores"]
    timed = any(row.time for row in rows)
    columns += ["ms", "parameters"] if timed else []
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in rows:
        name = row.name.removeprefix(f"{folder}/")
        cells = [f"[{name}](../configs/{row.name})", *row[1 : len(columns)]]
        lines.append(f"| {' | '.join(cell.replace('|', ' ') for cell in cells)} |")
    return lines


def _listed(shipped_config):
    name = shipped_config.path.partition("/")[2]
    config = load_config(shipped.folder() / name)
    backbone = _backbone(config.model)
    measured = _measured().get(_study_name(name), {})
    parameters = measured.get("parameters")
    return ListedConfig(
        name=name,
        what=_first_sentence(shipped_config.title),
        size=_size(config.model),
        backbone=backbone,
        weights=", ".join(s for s, names in _SOURCES.items() if backbone in names),
        scores=_scores(_comments(name)),
        time=f"{float(measured['time (ms)']):.0f}" if measured else "",
        parameters=f"{int(parameters):,}" if parameters else "",
    )


def _first_sentence(title):
    text = re.split(r"\s*Command: ", title)[0]
    return re.split(r"(?<!al)(?<!\b[A-Z])\.\s", text)[0].rstrip(".")


def _comments(name):
    """All comments before the first field, as one text."""
    text = (shipped.folder() / name).read_text("utf-8")
    header = re.match(r"(?:#.*\n|\s*\n)*", text)[0]
    return " ".join(line.lstrip("# ") for line in header.splitlines())


def _scores(title):
    """The sentences of a header about scores."""
    found = re.findall(r"(Published|Measured)(.*?)(?=\. [A-Z]|\.?$)", title)
    return "; ".join(f"{kind.lower()}{said}".strip(" .") for kind, said in found)


def _size(model):
    for message in _inside(model):
        if message.DESCRIPTOR.name == "ImageResizer":
            kind = message.WhichOneof("image_resizer_oneof")
            form = _RESIZERS.get(kind, kind or "")
            return form.format(m=getattr(message, kind)) if kind else ""
    return ""


def _backbone(model):
    for message in _inside(model):
        for part in [message, *stands_for(message)]:
            if part.DESCRIPTOR.name == "Backbone":
                return part.WhichOneof("backbone_oneof") or ""
    return ""


def _inside(message):
    yield message
    for _, field, value in set_values(message):
        if field.message_type is not None:
            yield from _inside(value)


def _study_name(name):
    for pattern, form in _STUDY:
        found = re.fullmatch(rf"{pattern}\.config", name)
        if found and found[1] in _EXTRACTORS:
            return form.format(_EXTRACTORS[found[1]])
    return None


@functools.cache
def _measured():
    """{model: row of the study's table}; {} without the docs."""
    path = shipped.folder().parent / _TABLE
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {row["model"]: row for row in csv.DictReader(file)}
