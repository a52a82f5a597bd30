"""Bidirectional feature pyramid of EfficientDet (Tan et al., CVPR 2020)."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import fused_batch_norm
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.upsampling import upsample_like
from od_api.layers.weighted_sum import METHODS, WeightedSum
from od_api.necks._pyramid import LevelPyramid, check_stage
from od_api.protos import neck_pb2


@register(neck_pb2.Bifpn)
class Bifpn(LevelPyramid):
    """Passes over a pyramid, each down and up again, whose nodes learn what they add.

    A node adds a map of its level of the pass before, in the way up the one of the way
    down, too, and the neighbour's, doubled by nearest neighbour or halved by a 3x3 max
    pool; then come activation, separable 3x3 convolution and normaliser. A stage of the
    backbone whose depth differs gets a 1x1 convolution with normaliser for each node
    that reads it; P6 is pooled from such a one of C5, and P7 from P6. Source: Tan et
    al., EfficientDet, CVPR 2020, section 3, as the authors and the old API have it.

    Args:
      min_level: finest level; level l has stride 2^l and reads stage C<l>, 2 <= l <= 5.
      max_level: coarsest level, above `min_level`.
      num_iterations: passes.
      depth: channels of every level.
      combine_method: see `layers/weighted_sum.py`.
      conv_hyperparams: a `ConvHyperparams`.
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        min_level=3,
        max_level=7,
        num_iterations=3,
        depth=64,
        combine_method="fast_attention",
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__("bifpn", min_level, max_level, depth)
        if max_level == min_level:
            raise ValueError("max_level must be above min_level: it takes two levels")
        ranges.between("num_iterations", num_iterations, 1, ranges.MOST_LAYERS)
        if combine_method not in METHODS:
            raise ValueError(f"combine_method is one of {', '.join(METHODS)}")
        self._make = conv_hyperparams or ConvHyperparams()
        self._freeze = freeze_batch_norm
        self._nodes = _nodes(min_level, max_level, num_iterations)
        self._sums = {
            name: WeightedSum(len(inputs), combine_method, name=f"{name}_sum")
            for name, (_, inputs) in self._nodes.items()
        }
        self._after = {name: self._smoothing(name) for name in self._nodes}
        self._projections = {}
        self._halve = keras.layers.MaxPooling2D(3, 2, padding="same", name="halve")

    def _smoothing(self, name):
        steps = [
            self._make.activation_layer(name="activation"),
            self._make.separable_conv2d(self._depth, 3, name="conv", pointwise=True),
            self._make.norm_layer(self._depth, name="norm"),
        ]
        return Chain(steps, name=name)

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        for level, stage in self._stages.items():
            check_stage(stage, feature_shapes)
            shape = tuple(feature_shapes[stage])
            readers = [n for n, (_, inputs) in self._nodes.items() if level in inputs]
            if level == list(self._stages)[-1]:
                readers.append("coarse")
            if shape[-1] == self._depth:
                readers = []
            for reader in readers:
                self._project(level, reader, shape)
        for name in self._nodes:
            shape = (None, None, None, self._depth)
            self._sums[name].build([shape])
            self._after[name].build(shape)
        if self._freeze:
            fused_batch_norm.freeze_batch_norm(self)

    def _project(self, level, reader, shape):
        key = f"{level}_for_{reader}"
        conv = self._make.conv2d(self._depth, 1, name="conv")
        chain = Chain([conv, self._make.norm_layer(self._depth, name="norm")], name=key)
        chain.build(shape)
        self._projections[key] = chain

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {"P3": [B, h, w, depth], ...}, finest first."""
        maps = {level: features[stage] for level, stage in self._stages.items()}
        self._append_coarse(maps)
        for name, (level, inputs) in self._nodes.items():
            read = [self._read(maps, source, name) for source in inputs[:-1]]
            read.append(self._resized(maps, inputs[-1], name, maps[level]))
            maps[name] = self._after[name](self._sums[name](read))
        return self._last_of_each_level(maps)

    def _append_coarse(self, maps):
        """Adds the levels that the backbone has not, each half of the one before."""
        last = list(self._stages)[-1]
        coarse = None
        for level in self.strides:
            if level in self._stages:
                continue
            if coarse is None:
                coarse = self._read(maps, last, "coarse")
            coarse = maps[level] = self._halve(coarse)

    def _read(self, maps, source, reader):
        """A map as its reader takes it: projected if it is a stage of other depth."""
        key = f"{source}_for_{reader}"
        if key in self._projections:
            return self._projections[key](maps[source])
        return maps[source]

    def _resized(self, maps, source, reader, like):
        """A neighbour's map in the size of the reader's level."""
        one = self._read(maps, source, reader)
        if self._stride_of(source) > self._stride_of(reader):
            return upsample_like(one, like)
        return self._halve(one)

    def _stride_of(self, name):
        level = self._nodes[name][0] if name in self._nodes else name
        return self.strides[level]

    def _last_of_each_level(self, maps):
        last = {level: maps[level] for level in self.strides}
        for name, (level, _) in self._nodes.items():
            last[level] = maps[name]
        return last


def _nodes(min_level, max_level, passes):
    """{node: (its level, what it reads)}, in the order of computation.

    The neighbour comes last among what is read. The way down ends at the finest level
    and the way up begins there: it has one node a pass, and the coarsest level, too.
    """
    nodes = {}
    before = {n: f"P{n}" for n in range(min_level, max_level + 1)}
    for i in range(1, passes + 1):
        down = {max_level: before[max_level]}
        for n in range(max_level - 1, min_level - 1, -1):
            down[n] = f"pass_{i}_down_P{n}"
            nodes[down[n]] = (f"P{n}", [before[n], down[n + 1]])
        up = {min_level: down[min_level]}
        for n in range(min_level + 1, max_level + 1):
            up[n] = f"pass_{i}_up_P{n}"
            own = [before[n], down[n]] if n < max_level else [before[n]]
            nodes[up[n]] = (f"P{n}", [*own, up[n - 1]])
        before = up
    return nodes
