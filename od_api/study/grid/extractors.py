"""Table 2 of the study: its feature extractors, the published numbers beside ours.

The published parameter counts include different things for different networks (see
`published.py`); ours are counted in the same way from the backbones themselves, one
variable after another.
"""

import json
import math
import textwrap
from typing import NamedTuple

import keras
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import backbone_pb2
from od_api.study.grid.published import EXTRACTORS as PUBLISHED

# What variables are, by the end of their path.
KINDS = {
    "kernel": "kernels",
    "depthwise_kernel": "kernels",
    "pointwise_kernel": "kernels",
    "bias": "biases",
    "beta": "offsets",
    "gamma": "scales",
    "moving_mean": "means",
    "moving_variance": "variances",
}
ALL = tuple(dict.fromkeys(KINDS.values()))


class Extractor(NamedTuple):
    """How one network is built and counted.

    Attributes:
      backbone: the typed message, as text.
      keras_name: its name in keras.applications, or None.
      counted: kinds of variables that the published count includes.
      counted_as: the published extractor whose rule this is.
    """

    backbone: str
    keras_name: str | None
    counted: tuple
    counted_as: str


def _resnet(depth):
    return Extractor(
        f"resnet {{ depth: {depth} }}",
        f"ResNet{depth}",
        tuple(kind for kind in ALL if kind != "biases"),
        "ResNet-101",
    )


EXTRACTORS = {
    "VGG-16": Extractor("vgg16 {}", "VGG16", ALL, "VGG-16"),
    "MobileNet": Extractor(
        "mobilenet_v1 {}", "MobileNet", ("kernels", "offsets"), "MobileNet"
    ),
    "Inception V2": Extractor("inception_v2 {}", None, ALL, "Inception V2"),
    "ResNet-50": _resnet(50),
    "ResNet-101": _resnet(101),
    "ResNet-152": _resnet(152),
    "Inception V3": Extractor("inception_v3 {}", "InceptionV3", ALL, "Inception V3"),
    "Inception-ResNet-v2": Extractor(
        "inception_resnet_v2 {}", "InceptionResNetV2", ALL, "Inception-ResNet-v2"
    ),
}


def table(names=None):
    """The rows of Table 2, one after another: building a network takes seconds.

    Args:
      names: keys of EXTRACTORS; None means all.

    Yields:
      {"extractor", "top_1" (percent), "published_parameters", "parameters" (ours, by
      the published count's rule), "equal", "counted" and "not_counted" ({kind: number
      of parameters}), "keras_total", "rule"}. What was not published, or is not in
      Keras, is None.
    """
    for name in names or EXTRACTORS:
        extractor, published = EXTRACTORS[name], PUBLISHED.get(name)
        sizes = _sizes(extractor.backbone)
        counted = {k: n for k, n in sizes.items() if k in extractor.counted}
        parameters = sum(counted.values())
        yield {
            "extractor": name,
            "top_1": published and published.top_1,
            "published_parameters": published and published.parameters,
            "parameters": parameters,
            "equal": published and parameters == published.parameters,
            "counted": counted,
            "not_counted": {k: n for k, n in sizes.items() if k not in counted},
            "keras_total": _keras_total(extractor.keras_name),
            "rule": PUBLISHED[extractor.counted_as].rule,
        }


def _sizes(backbone):
    """{kind: number of parameters} of a backbone, in the order of ALL."""
    message = text_format.Parse(backbone, backbone_pb2.Backbone())
    sizes = {}
    for variable in build(message).variables:
        *_, layer, name = variable.path.split("/")
        kind = KINDS[name]
        # MobileNet's depthwise convolutions have a batch norm of their own.
        if "_dw_" in layer and kind != "kernels":
            kind = f"depthwise {kind}"
        sizes[kind] = sizes.get(kind, 0) + math.prod(variable.shape)
    order = (*ALL, *(f"depthwise {kind}" for kind in ALL))
    return {kind: sizes[kind] for kind in order if kind in sizes}


def _keras_total(name):
    if name is None:
        return None
    make = getattr(keras.applications, name)
    network = make(weights=None, include_top=False, input_shape=(None, None, 3))
    return network.count_params()


def as_text(rows):
    """Yields the lines of the table, and of what the counts include."""
    line = "{:<20} {:>6} {:>12} {:>12} {:>6} {:>12}".format
    yield line("extractor", "top-1", "published", "od_api", "equal", "Keras total")
    seen = []
    for row in rows:
        seen.append(row)
        equal = {True: "yes", False: "NO", None: "-"}[row["equal"]]
        numbers = [
            _or_dash(row[key])
            for key in ("top_1", "published_parameters", "parameters")
        ]
        yield line(row["extractor"], *numbers, equal, _or_dash(row["keras_total"]))
    yield "\nWhat the counts include, none of them a classifier:"
    for row in seen:
        yield textwrap.fill(f"{row['extractor']}: {row['rule']}.", 88)
        yield f"  {_sum(row['counted'])} = {row['parameters']:,}"
        if row["not_counted"]:
            yield textwrap.fill(
                f"not counted: {_sum(row['not_counted'])}",
                88,
                initial_indent="  ",
                subsequent_indent="    ",
            )


def _sum(sizes):
    return " + ".join(f"{n:,} {kind}" for kind, n in sizes.items())


def _or_dash(value):
    return "-" if value is None else f"{value:,}"


def print_table(output_format="table"):
    """Prints the table as text ("table"), each row when it is known, or as "json"."""
    if output_format == "json":
        print(json.dumps(list(table()), indent=2))
        return
    for line in as_text(table()):
        print(line, flush=True)
