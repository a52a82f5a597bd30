"""CornerNet's head: corners, what pairs them, and where in their cells they are."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.corner_pooling import bottom_right_pool, top_left_pool
from od_api.layers.inner_pooling import (
    cascade_bottom_right_pool,
    cascade_top_left_pool,
)
from od_api.layers.pooled_block import PooledBlock
from od_api.protos import keypoints_pb2

_POOLS = {
    "corner": {"top_left": top_left_pool, "bottom_right": bottom_right_pool},
    "cascade": {
        "top_left": cascade_top_left_pool,
        "bottom_right": cascade_bottom_right_pool,
    },
}
_BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}


@register(keypoints_pb2.CornerHead)
class CornerHead(keras.layers.Layer):
    """Heat, embedding and offset of top-left and bottom-right corners, at each cell.

    For each corner: two maps of the feature are pooled along the box's edges (corner
    pooling) and added, and go through a residual block; on it stand three branches of
    a 3x3 and a 1x1 convolution. Each level has weights of its own. Source: Law and
    Deng, CornerNet, ECCV 2018, section 3.

    Args:
      num_classes: K.
      depth: channels of the residual block and of the branches.
      pooling_depth: channels of the maps that are pooled.
      pooling: "corner"; "cascade": along the box's edges go maxima that look inwards,
        too (Duan et al., CenterNet: Keypoint Triplets, ICCV 2019, section 3.3).
      heat_bias_init: of the heat's logits before training.
      conv_hyperparams: a `ConvHyperparams`; None: batch norm, ReLU.
    """

    def __init__(
        self,
        *,
        num_classes,
        depth=256,
        pooling_depth=128,
        pooling="corner",
        heat_bias_init=-2.19,
        conv_hyperparams=None,
    ):
        super().__init__(name="corner_head")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.at_least("pooling_depth", pooling_depth, 1, ranges.MOST_CHANNELS)
        if pooling not in _POOLS:
            raise ranges.RangeError(
                "pooling", f"pooling is {pooling!r}: take {' or '.join(_POOLS)}"
            )
        self._pools, self._looks = _POOLS[pooling], pooling == "cascade"
        self._widths = {"heat": num_classes, "embedding": 1, "offset": 2}
        self._depths = pooling_depth, depth
        self._bias = {"heat": ranges.finite("heat_bias_init", heat_bias_init)}
        self._make = conv_hyperparams or ConvHyperparams(
            normalizer="batch_norm", batch_norm=_BATCH_NORM
        )
        self._corners = {}

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the maps', by level."""
        for level, shape in feature_shapes.items():
            for name, pool in self._pools.items():
                corner = _Corner(
                    self._make,
                    pool,
                    self._depths,
                    self._widths,
                    self._bias,
                    looks=self._looks,
                    name=f"{level}_{name}",
                )
                corner.build(shape)
                self._corners[f"{level}_{name}"] = corner
                setattr(self, f"{level}_{name}", corner)

    def call(self, features, training=False):
        """{level: [B, h, w, C]} -> {level: {"top_left_heat": [B, h, w, K], ...}}.

        Raw, float32: `..._heat` are logits, `..._embedding` has 1 number, `..._offset`
        2, (y, x) in cells.
        """
        return {
            level: {
                f"{name}_{kind}": tf.cast(made, tf.float32)
                for name in self._pools
                for kind, made in self._corners[f"{level}_{name}"](x).items()
            }
            for level, x in features.items()
        }


class _Corner(PooledBlock):
    """One corner of one level."""

    def __init__(self, make, pool, depths, widths, bias, *, looks, name):
        super().__init__(make, pool, depths, looks=looks, name=name)
        self._branches = {
            kind: Chain(
                [
                    make.conv2d(depths[1], 3, name="conv", use_bias=True),
                    make.activation_layer(name="activation"),
                    make.conv2d(
                        width,
                        1,
                        name="out",
                        use_bias=True,
                        bias_initializer=keras.initializers.Constant(bias.get(kind, 0)),
                    ),
                ],
                name=kind,
            )
            for kind, width in widths.items()
        }

    def build(self, shape):
        super().build(shape)
        shape = self._beside.compute_output_shape(shape)
        for layer in self._branches.values():
            layer.build(shape)

    def call(self, feature):
        joined = super().call(feature)
        return {kind: branch(joined) for kind, branch in self._branches.items()}
