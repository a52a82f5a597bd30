"""The head of FCOS: two shared towers, a scale for each level, and columns."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.heads._shared_weights import anchors_of_all, check_tower
from od_api.layers.anchor_predictions import rows_per_anchor
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import box_predictor_pb2

CODE_SIZE = 4


@register(box_predictor_pb2.FcosBoxPredictor)
class FcosBoxPredictor(keras.layers.Layer):
    """Predicts classes, box codes and columns by towers that all levels share.

    Box codes are a convolution's output times a scale, one for each level, that is
    learnt and starts at 1: objects of different sizes are regressed by the same
    weights. Group norms are shared, too; batch norms are not, since the statistics of
    the levels differ. Source: Tian et al., FCOS, ICCV 2019, section 3.2 and figure 2.

    Args:
      conv_hyperparams: a `ConvHyperparams`.
      depth: channels of the towers.
      num_layers_before_predictor: convolutions of each tower.
      kernel_size: of the towers and of the predictions.
      class_prediction_bias_init: every class logit's bias at the start.
      columns_from_box_tower: columns are predicted from the tower of the boxes, as in
        the paper's later version; otherwise from that of the classes.
      num_classes: K.
      anchors_per_location: priors of a location on each level, a list of equal ones.
      add_background_class: class 0 is background, and K + 1 logits are predicted.
      columns: column parts, each with `name` and `width`.

    Attributes:
      reads: every cell of the maps.
    """

    reads = "cells"

    def __init__(
        self,
        *,
        num_classes,
        anchors_per_location,
        add_background_class,
        columns=(),
        conv_hyperparams=None,
        depth=256,
        num_layers_before_predictor=4,
        kernel_size=3,
        class_prediction_bias_init=-4.59512,
        columns_from_box_tower=False,
    ):
        super().__init__(name="fcos_box_predictor")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.finite("class_prediction_bias_init", class_prediction_bias_init)
        check_tower(num_layers_before_predictor, kernel_size=kernel_size)
        self._make = conv_hyperparams or ConvHyperparams()
        self._depth, self._kernel_size = depth, kernel_size
        self._bias = class_prediction_bias_init
        self._num_levels = len(anchors_per_location)
        self._per_location = anchors_of_all(anchors_per_location)
        # Of one prior, in the order in which the outputs are made.
        self._sizes = {
            "class_logits": num_classes + int(add_background_class),
            "box_codes": CODE_SIZE,
            **{column.name: column.width for column in columns},
        }
        self._predictions = {
            name: self._prediction(name, size) for name, size in self._sizes.items()
        }
        self._box_outputs = {"box_codes"}
        if columns_from_box_tower:
            self._box_outputs |= {column.name for column in columns}
        towers = "class_tower", "box_tower"
        self._convs = {n: self._tower(n, num_layers_before_predictor) for n in towers}

    def _tower(self, name, num_layers):
        names = [f"{name}_conv{i}" for i in range(num_layers)]
        return [
            self._make.conv2d(self._depth, self._kernel_size, name=n) for n in names
        ]

    def _prediction(self, name, size):
        bias = self._bias if name == "class_logits" else 0.0
        return self._make.conv2d(
            self._per_location * size,
            self._kernel_size,
            name=name,
            use_bias=True,
            bias_initializer=keras.initializers.Constant(bias),
        )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the neck's, by level."""
        self._check(feature_shapes)
        self._scales = self.add_weight(
            shape=[self._num_levels], initializer="ones", name="box_scales"
        )
        self._towers = {name: [] for name in self._convs}
        for name, convs in self._convs.items():
            shape = next(iter(feature_shapes.values()))
            for conv in convs:
                # Here and not by a tower, whose name would be part of the path.
                conv.build(shape)
                shape = conv.compute_output_shape(shape)
            self._build_towers(name, convs, feature_shapes)
        for prediction in self._predictions.values():
            prediction.build(shape)

    def _check(self, feature_shapes):
        if len(feature_shapes) != self._num_levels:
            raise ValueError(
                f"the neck gives {len(feature_shapes)} levels "
                f"({', '.join(feature_shapes)}) and the anchor generator has "
                f"{self._num_levels}; they must agree"
            )
        depths = {level: shape[-1] for level, shape in feature_shapes.items()}
        if len(set(depths.values())) != 1:
            raise ValueError(
                "fcos_box_predictor shares its weights between levels and needs the "
                f"same depth on each, not {depths}"
            )

    def _build_towers(self, name, convs, feature_shapes):
        """A tower for each level, of shared convolutions and its own batch norms."""
        shared = self._make.normalizer == "group_norm"
        norms = self._norms(f"{name}_", len(convs)) if shared else None
        for level, shape in feature_shapes.items():
            own = norms or self._norms("", len(convs))
            steps = []
            for i, (conv, norm) in enumerate(zip(convs, own, strict=True)):
                if shared and not norm.built:
                    norm.build(conv.compute_output_shape(shape))
                activation = self._make.activation_layer(name=f"activation{i}")
                steps += [conv, norm, activation]
            tower = Chain(steps, name=f"{name}_{level}")
            tower.build(shape)
            self._towers[name].append(tower)

    def _norms(self, prefix, count):
        make = self._make.norm_layer
        return [make(self._depth, name=f"{prefix}norm{i}") for i in range(count)]

    def call(self, features, training=False):
        """Predictions of all levels, one row a prior.

        Args:
          features: {level: [B, h, w, C]}, as many as there are anchors_per_location.
          training: whether batch statistics are used.

        Returns:
          class_logits [B, A, K or K + 1], box_codes [B, A, 4] and each column by its
          name, [B, A, n]; float32.
        """
        del training  # The layers see it.
        maps = {
            name: [t(x) for t, x in zip(towers, features.values(), strict=True)]
            for name, towers in self._towers.items()
        }
        outputs = {}
        for name, prediction in self._predictions.items():
            tower = "box_tower" if name in self._box_outputs else "class_tower"
            levels = [prediction(x) for x in maps[tower]]
            if name == "box_codes":
                levels = [
                    tf.cast(x, tf.float32) * self._scale(i)
                    for i, x in enumerate(levels)
                ]
            outputs[name] = rows_per_anchor(levels, self._sizes[name])
        return outputs

    def _scale(self, level):
        return tf.cast(self._scales[level], tf.float32)
