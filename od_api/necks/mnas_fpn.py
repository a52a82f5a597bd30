"""MnasFPN (Chen et al., CVPR 2020)."""

from typing import NamedTuple

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import fused_batch_norm
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import LevelPyramid
from od_api.protos import neck_pb2


class Node(NamedTuple):
    """What a cell computes: two of its maps, added up at a level.

    Attributes:
      inputs: places in the list of the cell's maps: its four inputs, then its nodes.
      level: of the sum.
      kernel: of the separable convolution behind it.
      expansion: channels of the sum, before multiplying.
    """

    inputs: tuple
    level: int
    kernel: int
    expansion: int


LEVELS = (3, 4, 5, 6)
# Figure 4 of the paper; the last four are what the next cell reads.
CELL = (
    Node((1, 2), 4, 3, 256),
    Node((0, 4), 3, 3, 128),
    Node((5, 4), 4, 3, 128),
    Node((4, 3), 5, 5, 128),
    Node((4, 3), 6, 3, 96),
)


@register(neck_pb2.MnasFpn)
class MnasFpn(LevelPyramid):
    """The pyramid P3 to P6 that a search found for mobile CPUs: equal cells in a row.

    Each of a node's two maps gets a 1x1 convolution with normaliser to the node's
    expanded depth, before it is doubled or after it is halved, whichever is cheaper;
    their sum goes through ReLU6, a separable convolution and normaliser. What a cell
    makes of a level is added to what it got of it, where depths are equal. C6 is pooled
    from C5. Source: Chen et al., MnasFPN, CVPR 2020.

    Args:
      depth: channels of every level.
      num_cells: cells.
      expansion_multiplier: factor of the expanded depths.
      conv_hyperparams: a `ConvHyperparams`; its activation is not read.
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        depth=48,
        num_cells=4,
        expansion_multiplier=1.0,
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__("mnas_fpn", LEVELS[0], LEVELS[-1], depth)
        ranges.between("num_cells", num_cells, 1, ranges.MOST_LAYERS)
        ranges.above("expansion_multiplier", expansion_multiplier, 0, 10)
        self._make = conv_hyperparams or ConvHyperparams()
        self._num_cells = num_cells
        self._coarse = self._conv(depth, "coarse")
        self._into, self._after = {}, {}
        for cell in range(num_cells):
            for i, node in enumerate(CELL):
                name = f"cell_{cell}_node_{i}"
                expanded = max(int(node.expansion * expansion_multiplier), 1)
                for side in range(2):
                    key = f"{name}_input_{side}"
                    self._into[key] = self._conv(expanded, key)
                self._after[name] = self._separable(node.kernel, name)
        self._pools = [
            keras.layers.MaxPooling2D(3, stride, padding="same", name=f"pool_{stride}")
            for stride in (2, 4)
        ]
        if freeze_batch_norm:
            fused_batch_norm.freeze_batch_norm(self)

    def _conv(self, depth, name):
        conv = self._make.conv2d(depth, 1, name="conv")
        return Chain([conv, self._make.norm_layer(depth, name="norm")], name=name)

    def _separable(self, kernel, name):
        conv = self._make.separable_conv2d(
            self._depth, kernel, name="conv", pointwise=True
        )
        norm = self._make.norm_layer(self._depth, name="norm")
        return Chain([conv, norm], name=name)

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        depths = [feature_shapes[f"C{n}"][-1] for n in LEVELS[:-1]]
        self._coarse.build((None, None, None, depths[-1]))
        depths.append(self._depth)
        for cell in range(self._num_cells):
            within = [*depths, *[self._depth] * len(CELL)]
            for i, node in enumerate(CELL):
                name = f"cell_{cell}_node_{i}"
                for side, source in enumerate(node.inputs):
                    chain = self._into[f"{name}_input_{side}"]
                    shape = (None, None, None, within[source])
                    chain.build(shape)
                self._after[name].build(chain.compute_output_shape(shape))
            depths = [self._depth] * len(LEVELS)

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {"P3": [B, h, w, depth], ...}, finest first."""
        maps = [features[f"C{n}"] for n in LEVELS[:-1]]
        maps.append(self._coarse(self._pools[0](maps[-1])))
        for cell in range(self._num_cells):
            maps = self._cell(maps, cell)
        return {f"P{n}": x for n, x in zip(LEVELS, maps, strict=True)}

    def _cell(self, inputs, cell):
        maps, levels = list(inputs), list(LEVELS)
        for i, node in enumerate(CELL):
            name = f"cell_{cell}_node_{i}"
            like = inputs[LEVELS.index(node.level)]
            parts = [
                self._resized(maps[source], node.level - levels[source], like, key)
                for source, key in zip(
                    node.inputs, (f"{name}_input_0", f"{name}_input_1"), strict=True
                )
            ]
            maps.append(self._after[name](tf.nn.relu6(tf.add_n(parts))))
            levels.append(node.level)
        made = maps[-len(LEVELS) :]
        return [
            x + given if x.shape[-1] == given.shape[-1] else x
            for x, given in zip(made, inputs, strict=True)
        ]

    def _resized(self, x, halvings, like, key):
        """A map expanded, at the size of `like`; it is doubled once at most."""
        if halvings > 0:
            return self._into[key](self._pools[halvings - 1](x))
        x = self._into[key](x)
        return upsample_like(x, like) if halvings < 0 else x
