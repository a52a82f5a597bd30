"""SpaghettiNet for EdgeTPUs: small, medium, large (the old API's, for the Pixel 6)."""

from typing import NamedTuple

import keras

from od_api.backbones._own_network import Blocks, OwnNetwork
from od_api.core.ranges import RangeError
from od_api.core.registry import register
from od_api.layers.upsampling import EnlargeLike
from od_api.protos import backbone_pb2

STEM_DEPTH, STEM_KERNEL = 24, 5


class Layer(NamedTuple):
    """A layer of a node; all but a node's first add their input.

    Attributes:
      kind: "inverted": 1x1 convolution to `expansion` times the node's depth,
        depthwise, 1x1; "fused": a convolution in groups to `expansion` times the
        input's depth, 1x1; "separable": depthwise with a bias alone, 1x1.
      expansion: see above.
      kernel: of the depthwise convolution, or the one in groups.
      groups: of channels.
    """

    kind: str
    expansion: int = 1
    kernel: int = 3
    groups: int = 1


class Node(NamedTuple):
    """Layers of one depth behind one map, or behind the sum of two.

    Attributes:
      depth: channels of what comes out.
      level: its cells are 2^level pixels.
      inputs: names of nodes; two are brought to depth and level, and added.
      layers: [Layer].
      stride: of the first layer.
    """

    depth: int
    level: int
    inputs: tuple
    layers: list
    stride: int = 1


def _inverted(expansion, kernel=3):
    return Layer("inverted", expansion, kernel)


def _fused(expansion, groups=4):
    return Layer("fused", expansion, groups=groups)


def _separable(kernel):
    return Layer("separable", kernel=kernel)


FOUR, EIGHT = _inverted(4), _inverted(8)
THIN, WIDE = _separable(3), _separable(5)

# {size: (depth, layers) of the nodes N2 to N7, M5, and C4 to C7 and C7_last}
SIZES = {
    "small": [
        (48, [_fused(8, 3)]),
        (64, [_fused(4)] * 3),
        (72, [EIGHT, _fused(8), EIGHT, FOUR]),
        (88, [EIGHT, EIGHT, FOUR, FOUR]),
        (88, [EIGHT, WIDE, WIDE, WIDE]),
        (88, [WIDE, THIN]),
        (144, [FOUR] * 4),
        (120, [EIGHT, FOUR, FOUR, FOUR]),
        (168, [FOUR]),
        (136, [FOUR, THIN]),
        (136, [FOUR]),
        (64, [THIN, THIN]),
    ],
    "medium": [
        (48, [_fused(8, 3)]),
        (64, [_fused(8), *[_fused(4)] * 3]),
        (72, [EIGHT, _fused(8), EIGHT, EIGHT]),
        (96, [EIGHT, EIGHT, EIGHT, FOUR]),
        (104, [EIGHT, FOUR, WIDE, FOUR]),
        (56, [WIDE, THIN]),
        (152, [EIGHT, FOUR, FOUR, FOUR]),
        (120, [EIGHT, FOUR, FOUR, FOUR]),
        (168, [FOUR, THIN]),
        (136, [THIN] * 3),
        (136, [FOUR, WIDE]),
        (64, [THIN, THIN]),
    ],
    "large": [
        (48, [_fused(8, 3)]),
        (64, [*[_fused(8)] * 3, _fused(4)]),
        (80, [EIGHT, EIGHT, EIGHT, FOUR]),
        (104, [EIGHT] * 4),
        (88, [EIGHT, _inverted(4, 5), FOUR, EIGHT]),
        (56, [_inverted(4, 5), WIDE]),
        (160, [EIGHT, FOUR, FOUR, FOUR]),
        (120, [EIGHT, FOUR, FOUR, EIGHT]),
        (168, [FOUR] * 4),
        (112, [EIGHT, FOUR, THIN]),
        (128, [FOUR, FOUR]),
        (64, [WIDE, WIDE]),
    ],
}
# {name: (level, inputs, stride)}: a trunk that halves, and nodes that mix its maps.
PLACES = {
    "N2": (2, ("stem",), 2),
    "N3": (3, ("N2",), 2),
    "N4": (4, ("N3",), 2),
    "N5": (5, ("N4",), 2),
    "N6": (6, ("N5",), 2),
    "N7": (7, ("N6",), 2),
    "M5": (5, ("N5", "N6"), 1),
    "C4": (4, ("N4", "M5"), 1),
    "C5": (5, ("C4", "M5"), 1),
    "C6": (6, ("N7", "M5"), 1),
    "C7": (7, ("N7", "M5"), 1),
    "C7_last": (7, ("C7",), 1),
}
LEVELS = ("C4", "C5", "C6", "C7", "C7_last")


@register(backbone_pb2.Spaghettinet)
class Spaghettinet(OwnNetwork):
    """A trunk whose maps are mixed anew, found by one search with its pyramid.

    Five maps come out, of the strides 16, 32, 64, 128 and 128, which an SSD reads as
    they are. Maps are halved upwards (320 px: 20, 10, 5, 3, 3). Batch norm has the
    decay .97 and the epsilon .001. The old API rounded the maps of grouped convolutions
    to 8 bits, in float models, too; here nothing does. Source: the old API's
    ssd_spaghettinet, whose depths these are; no paper describes it.

    Args:
      size: "small", "medium" or "large".
      use_explicit_padding: what halves gets zeros on every side, where "same" gives an
        even map some at its end only; sizes are equal.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU6).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        size="medium",
        use_explicit_padding=False,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__(name=f"spaghettinet_{size}")
        if size not in SIZES:
            raise RangeError("size", f"size is {size!r}: take {', '.join(SIZES)}")
        images = keras.Input([None, None, 3])
        maps = _Builder(use_explicit_padding).maps(images, nodes(size))
        self._take(
            keras.Model(images, [maps[level] for level in LEVELS], name=self.name),
            {level: (f"{level}_end", 2 ** PLACES[level][0]) for level in LEVELS},
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )


def nodes(size):
    """{name: Node} of a size, each behind its inputs."""
    made = {}
    for (name, place), (depth, layers) in zip(PLACES.items(), SIZES[size], strict=True):
        level, inputs, stride = place
        made[name] = Node(depth, level, inputs, layers, stride)
    return made


class _Builder:
    """Makes the maps of nodes; all that halves is padded alike."""

    def __init__(self, explicit_padding):
        self._explicit = explicit_padding
        self._make = Blocks(activation="relu6", epsilon=1e-3, decay=0.97)

    def maps(self, images, nodes):
        """Symbolic images, {name: Node} -> {name: symbolic map}."""
        x, padding = self._padded(images, STEM_KERNEL, 2, "stem")
        stem = self._make.conv(
            x, STEM_DEPTH, STEM_KERNEL, "stem", strides=2, padding=padding
        )
        maps = {"stem": stem}
        for name, node in nodes.items():
            x = self._joined(maps, nodes, name)
            for i, layer in enumerate(node.layers):
                place = f"{name}_{i}"
                made = self._layer(x, node, layer, 1 if i else node.stride, place)
                x = keras.layers.Add(name=f"{place}_add")([made, x]) if i else made
            maps[name] = keras.layers.Identity(name=f"{name}_end")(x)
        return maps

    def _joined(self, maps, nodes, name):
        """What a node's layers read: its one input, or the sum of its two."""
        node = nodes[name]
        if len(node.inputs) == 1:
            return maps[node.inputs[0]]
        fine, coarse = sorted(node.inputs, key=lambda n: nodes[n].level)
        edges = []
        for source in (fine, coarse):
            place, x = f"{name}_from_{source}", maps[source]
            factor = 2 ** (node.level - nodes[source].level)
            if factor > 1:
                x = self._pooled(x, factor, f"{place}_pool")
            edges.append(self._make.conv(x, node.depth, 1, place, activation=False))
        if nodes[coarse].level > node.level:
            factor = 2 ** (nodes[coarse].level - node.level)
            enlarge = EnlargeLike(factor, "nearest", name=f"{name}_enlarged")
            edges[1] = enlarge([edges[1], edges[0]])
        x = keras.layers.Add(name=f"{name}_joined")(edges)
        return self._make.activate(x, f"{name}_joined_activation")

    def _layer(self, x, node, layer, stride, name):
        make, kernel = self._make, layer.kernel
        if layer.kind == "inverted":
            x = make.conv(x, layer.expansion * node.depth, 1, f"{name}_expand")
        depth = layer.expansion * x.shape[-1]
        x, padding = self._padded(x, kernel, stride, name)
        sizes = {"strides": stride, "padding": padding}
        if layer.kind == "separable":
            x = _depthwise_alone(x, kernel, f"{name}_depthwise", **sizes)
            return make.conv(x, node.depth, 1, f"{name}_last")
        if layer.kind == "inverted":
            x = make.depthwise(x, kernel, f"{name}_depthwise", **sizes)
        else:
            sizes["groups"] = layer.groups
            x = make.conv(x, depth, kernel, f"{name}_expand", **sizes)
        return make.conv(x, node.depth, 1, f"{name}_last", activation=False)

    def _pooled(self, x, factor, name):
        """Maxima of one cell more than the factor, as many cells apart as that."""
        x, padding = self._padded(x, factor + 1, factor, name)
        return keras.layers.MaxPooling2D(factor + 1, factor, padding, name=name)(x)

    def _padded(self, x, kernel, stride, name):
        """(a map, the padding of what reads it)."""
        if not self._explicit or stride == 1:
            return x, "same"
        pad = keras.layers.ZeroPadding2D((kernel - 1) // 2, name=f"{name}_pad")
        return pad(x), "valid"


def _depthwise_alone(x, kernel, name, **sizes):
    """A depthwise convolution with a bias and no batch norm."""
    initializer = keras.initializers.VarianceScaling(2.0 * x.shape[-1], mode="fan_in")
    return keras.layers.DepthwiseConv2D(
        kernel, depthwise_initializer=initializer, name=name, **sizes
    )(x)
