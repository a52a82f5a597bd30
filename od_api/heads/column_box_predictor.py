"""A head over a head: the other predicts classes and boxes, this one the columns."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import build_field, register
from od_api.core.shapes import spatial_shape
from od_api.heads._shared_weights import anchors_of_all, check_tower
from od_api.layers.anchor_predictions import rows_per_anchor
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import box_predictor_pb2

# What the columns' convolutions see of the other head.
_READ = ("class_logits", "box_codes")


@register(box_predictor_pb2.ColumnBoxPredictor)
class ColumnBoxPredictor(keras.layers.Layer):
    """Predicts columns beside whatever predicts classes and box codes.

    A tower of convolutions that all levels share (normalisers are each level's own),
    and a convolution for each column. With `reads_predictions` the last see class
    logits and box codes of their neighbourhood, too, without a gradient to them: so a
    density is told by the boxes around (Liu et al., Adaptive NMS, CVPR 2019, section
    4.2: one 1x1 layer, then 5x5). Without, it is one more head of RetinaNet, as for
    embeddings (Salscheider, FeatureNMS, ICPR 2020, section III-B).

    Args:
      box_predictor: the other head; it reads cells, and no priors.
      anchors_per_location: anchors of a location on each level, a list of equal ones.
      columns: column parts, each with `name` and `width`.
      conv_hyperparams: a `ConvHyperparams`, of the tower and the predictions.
      depth: channels of the tower.
      num_layers_before_predictor: convolutions of the tower.
      tower_kernel_size: of these.
      kernel_size: of the predictions of columns.
      reads_predictions: see above.

    Attributes:
      reads: every cell of the maps.
    """

    reads = "cells"

    def __init__(
        self,
        *,
        box_predictor,
        anchors_per_location,
        columns=(),
        conv_hyperparams=None,
        depth=256,
        num_layers_before_predictor=1,
        tower_kernel_size=1,
        kernel_size=5,
        reads_predictions=True,
    ):
        super().__init__(name="column_box_predictor")
        _check_inner(box_predictor)
        per_location = anchors_of_all(anchors_per_location)
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        check_tower(
            num_layers_before_predictor,
            tower_kernel_size=tower_kernel_size,
            kernel_size=kernel_size,
        )
        self.inner = box_predictor
        self._make = conv_hyperparams or ConvHyperparams()
        self._depth = depth
        self._per_location = per_location
        self._reads_predictions = reads_predictions
        self._widths = {column.name: column.width for column in columns}
        self._convs = [
            self._make.conv2d(depth, tower_kernel_size, name=f"tower_conv{i}")
            for i in range(num_layers_before_predictor)
        ]
        self._columns = {
            name: self._make.conv2d(
                self._per_location * width, kernel_size, name=name, use_bias=True
            )
            for name, width in self._widths.items()
        }

    @classmethod
    def from_proto(
        cls,
        message,
        *,
        num_classes,
        anchors_per_location,
        add_background_class,
        columns=(),
    ):
        """The head that a ColumnBoxPredictor message describes."""
        numbers = ("depth", "num_layers_before_predictor", "tower_kernel_size")
        settings = None
        if message.HasField("conv_hyperparams"):
            settings = build_field(message, "conv_hyperparams")
        return cls(
            box_predictor=build_field(
                message,
                "box_predictor",
                required=("num_classes",),
                num_classes=num_classes,
                anchors_per_location=anchors_per_location,
                add_background_class=add_background_class,
            ),
            anchors_per_location=anchors_per_location,
            columns=columns,
            conv_hyperparams=settings,
            kernel_size=message.kernel_size,
            reads_predictions=message.reads_predictions,
            **{name: getattr(message, name) for name in numbers},
        )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the neck's, by level."""
        if not self.inner.built:
            self.inner.build(feature_shapes)
        depths = {level: shape[-1] for level, shape in feature_shapes.items()}
        if len(set(depths.values())) != 1:
            raise ValueError(
                "column_box_predictor shares its weights between levels and needs the "
                f"same depth on each, not {depths}"
            )
        shape = next(iter(feature_shapes.values()))
        for conv in self._convs:
            # Here and not by a tower, whose name would be part of the path.
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
        self._towers = [self._tower(n, s) for n, s in feature_shapes.items()]
        depth = shape[-1]
        if self._reads_predictions:
            one_cell = {n: tf.zeros([1, 1, 1, depths[n]]) for n in feature_shapes}
            outputs = self.inner(one_cell)
            depth += self._per_location * sum(outputs[n].shape[-1] for n in _READ)
        for conv in self._columns.values():
            conv.build((None, None, None, depth))

    def _tower(self, level, shape):
        steps = []
        for i, conv in enumerate(self._convs):
            norm = self._make.norm_layer(self._depth, name=f"norm{i}")
            steps += [conv, norm, self._make.activation_layer(name=f"activation{i}")]
        tower = Chain(steps, name=f"tower_{level}")
        tower.build(shape)
        return tower

    def call(self, features, training=False):
        """Predictions of all levels, one row an anchor.

        Args:
          features: {level: [B, h, w, C]}, as many as there are anchors_per_location.
          training: whether batch statistics are used.

        Returns:
          What the other head gives, and each column by its name, [B, A, n] float32.
        """
        outputs = dict(self.inner(features, training=training))
        levels = list(features.values())
        maps = [tower(x) for tower, x in zip(self._towers, levels, strict=True)]
        if self._reads_predictions:
            for name in _READ:
                read = _maps_of(outputs[name], levels, self._per_location)
                maps = [
                    tf.concat([x, tf.cast(y, x.dtype)], axis=-1)
                    for x, y in zip(maps, read, strict=True)
                ]
        for name, conv in self._columns.items():
            outputs[name] = rows_per_anchor([conv(x) for x in maps], self._widths[name])
        return outputs


def _check_inner(head):
    if head.reads != "cells" or getattr(head, "sees_priors", False):
        raise ValueError("box_predictor must be one that reads cells, and no priors")


def _maps_of(rows, levels, per_location):
    """[B, A, n] rows -> for each level [B, h, w, per_location x n], no gradient."""
    sizes = [spatial_shape(x) for x in levels]
    counts = [height * width * per_location for height, width in sizes]
    pieces = tf.split(tf.stop_gradient(rows), counts, axis=1)
    depth = per_location * rows.shape[-1]
    return [
        tf.reshape(piece, [-1, height, width, depth])
        for piece, (height, width) in zip(pieces, sizes, strict=True)
    ]
