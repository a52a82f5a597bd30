"""The head of a matrix net of corners: towers that all layers share."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.heads._shared_weights import check_tower
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import keypoints_pb2

_CORNERS = ("top_left", "bottom_right")


@register(keypoints_pb2.CornerToCenterHead)
class CornerToCenterHead(keras.layers.Layer):
    """Heat, offset and way to the object's centre of corners, at each cell.

    Each of the three, of top-left and of bottom-right corners, has a tower of
    convolutions and a prediction of its own, and all levels share them. Nothing is
    pooled: the objects of a layer have about one size. The authors' code has a ReLU
    behind the ways to the centre; here they may be below 0, so that their gradient
    never ends. Source: Rashwan et al., Matrix Nets, ICCV Workshops 2019, section 3.2,
    and its authors' code.

    Args:
      num_classes: K.
      conv_hyperparams: a `ConvHyperparams` with a group norm or none; None: ReLU.
      depth: channels of the towers.
      num_layers_before_predictor: convolutions of each tower.
      kernel_size: of the towers and of the predictions.
      heat_bias_init: of the heat's logits before training.
    """

    def __init__(
        self,
        *,
        num_classes,
        conv_hyperparams=None,
        depth=256,
        num_layers_before_predictor=4,
        kernel_size=3,
        heat_bias_init=-2.19,
    ):
        super().__init__(name="corner_to_center_head")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.finite("heat_bias_init", heat_bias_init)
        check_tower(num_layers_before_predictor, kernel_size=kernel_size)
        make = conv_hyperparams or ConvHyperparams()
        if make.normalizer == "batch_norm":
            raise ranges.RangeError(
                "conv_hyperparams",
                "conv_hyperparams has a batch norm, and levels that share it have "
                "statistics of their own: take group_norm or none",
            )
        self._make, self._depth = make, depth
        self._num_layers, self._kernel_size = num_layers_before_predictor, kernel_size
        kinds = {"heat": num_classes, "offset": 2, "center": 2}
        self.towers = {
            f"{corner}_{kind}": self._tower(
                f"{corner}_{kind}", width, heat_bias_init if kind == "heat" else 0.0
            )
            for corner in _CORNERS
            for kind, width in kinds.items()
        }

    def _tower(self, name, width, bias):
        """Convolutions and a prediction of so many numbers a cell."""
        steps = [
            self._make.conv_block(self._depth, self._kernel_size, name=f"conv{i}")
            for i in range(self._num_layers)
        ]
        prediction = self._make.conv2d(
            width,
            self._kernel_size,
            name="prediction",
            use_bias=True,
            bias_initializer=keras.initializers.Constant(bias),
        )
        return Chain([*steps, prediction], name=name)

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the maps', by level."""
        depths = {level: shape[-1] for level, shape in feature_shapes.items()}
        if len(set(depths.values())) != 1:
            raise ValueError(
                "corner_to_center_head shares its weights between levels and needs the "
                f"same depth on each, not {depths}"
            )
        depth = next(iter(depths.values()))
        for tower in self.towers.values():
            tower.build((None, None, None, depth))

    def call(self, features, training=False):
        """{level: [B, h, w, C]} -> {level: {"top_left_heat": [B, h, w, K], ...}}.

        Raw, float32: `..._heat` are logits, `..._offset` has 2 numbers, (y, x) in
        cells, and `..._center` 2, the way to the centre, likewise.
        """
        return {
            level: {
                name: tf.cast(tower(x, training=training), tf.float32)
                for name, tower in self.towers.items()
            }
            for level, x in features.items()
        }
