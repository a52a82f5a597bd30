"""CornerNet's head: corners, what pairs them, and where in their cells they are."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.corner_pooling import bottom_right_pool, top_left_pool
from od_api.protos import keypoints_pb2

_POOLS = {"top_left": top_left_pool, "bottom_right": bottom_right_pool}
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
      heat_bias_init: of the heat's logits before training.
      conv_hyperparams: a `ConvHyperparams`; None: batch norm, ReLU.
    """

    def __init__(
        self,
        *,
        num_classes,
        depth=256,
        pooling_depth=128,
        heat_bias_init=-2.19,
        conv_hyperparams=None,
    ):
        super().__init__(name="corner_head")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.at_least("pooling_depth", pooling_depth, 1, ranges.MOST_CHANNELS)
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
            for name, pool in _POOLS.items():
                corner = _Corner(
                    self._make,
                    pool,
                    self._depths,
                    self._widths,
                    self._bias,
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
                for name in _POOLS
                for kind, made in self._corners[f"{level}_{name}"](x).items()
            }
            for level, x in features.items()
        }


class _Corner(keras.layers.Layer):
    """One corner of one level."""

    def __init__(self, make, pool, depths, widths, bias, *, name):
        super().__init__(name=name)
        pooling_depth, depth = depths
        self._pool = pool
        self._rows = make.conv_block(pooling_depth, 3, name="rows")
        self._columns = make.conv_block(pooling_depth, 3, name="columns")
        self._pooled = _without_activation(make, depth, 3, "pooled")
        self._beside = _without_activation(make, depth, 1, "beside")
        self._activation = make.activation_layer(name="activation")
        self._after = make.conv_block(depth, 3, name="after")
        self._branches = {
            kind: Chain(
                [
                    make.conv2d(depth, 3, name="conv", use_bias=True),
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
        for layer in (self._rows, self._columns, self._beside):
            layer.build(shape)
        self._pooled.build(self._rows.compute_output_shape(shape))
        shape = self._beside.compute_output_shape(shape)
        for layer in (self._after, *self._branches.values()):
            layer.build(shape)

    def call(self, feature):
        pooled = self._pool(self._rows(feature), self._columns(feature))
        joined = self._pooled(pooled) + self._beside(feature)
        if self._activation is not None:
            joined = self._activation(joined)
        joined = self._after(joined)
        return {kind: branch(joined) for kind, branch in self._branches.items()}


def _without_activation(make, depth, size, name):
    return Chain(
        [make.conv2d(depth, size, name="conv"), make.norm_layer(depth, name="norm")],
        name=name,
    )
