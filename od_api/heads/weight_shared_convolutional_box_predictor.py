"""RetinaNet's head: the same convolutions on every level."""

from collections import Counter

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.heads._shared_weights import anchors_of_all, check_tower
from od_api.layers.anchor_predictions import rows_per_anchor
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.dropout import Dropout
from od_api.protos import box_predictor_pb2


@register(box_predictor_pb2.WeightSharedConvolutionalBoxPredictor)
class WeightSharedConvolutionalBoxPredictor(keras.layers.Layer):
    """Predicts classes and box codes by towers that all levels share.

    Focal loss paper (Lin et al., ICCV 2017). The convolutions are shared; their
    normalisers are not, since the statistics of the levels differ. Where the levels'
    depths differ, a 1x1 convolution brings each to the most frequent one.

    Args:
      conv_hyperparams: a `ConvHyperparams`.
      depth: channels of the towers.
      num_layers_before_predictor: convolutions of a tower.
      kernel_size: of the towers and of the predictions.
      box_code_size: numbers of a box code.
      class_prediction_bias_init: every class logit's bias at the start, e.g. -4.6 for
        scores of .01.
      use_dropout: dropout before the class prediction, while training.
      dropout_keep_probability: share of the inputs that dropout keeps, above 0.
      share_prediction_tower: one tower for classes and boxes instead of two.
      use_depthwise: convolutions are depthwise separable.
      score_converter: IDENTITY, or SIGMOID, which puts the sigmoid of the logits into
        `class_logits` while not training. Losses of such outputs are meaningless.
      box_encodings_clip_range: a `BoxEncodingsClipRange`, or None.
      apply_conv_hyperparams_to_heads: initialiser and regulariser apply to depthwise
        separable predictions; Keras' defaults otherwise.
      apply_conv_hyperparams_pointwise: and to the 1x1 part of separable towers.
      num_classes: K.
      anchors_per_location: anchors of a location on each level, a list of equal ones.
      add_background_class: class 0 is background, and K + 1 logits are predicted.

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
        conv_hyperparams=None,
        depth=0,
        num_layers_before_predictor=0,
        kernel_size=3,
        box_code_size=4,
        class_prediction_bias_init=0.0,
        use_dropout=False,
        dropout_keep_probability=0.8,
        share_prediction_tower=False,
        use_depthwise=False,
        score_converter="IDENTITY",
        box_encodings_clip_range=None,
        apply_conv_hyperparams_to_heads=False,
        apply_conv_hyperparams_pointwise=False,
    ):
        super().__init__(name="weight_shared_convolutional_box_predictor")
        ranges.at_least("depth", depth, 0, ranges.MOST_CHANNELS)
        ranges.at_least("box_code_size", box_code_size, 1, ranges.MOST_CHANNELS)
        ranges.finite("class_prediction_bias_init", class_prediction_bias_init)
        check_tower(num_layers_before_predictor, kernel_size=kernel_size)
        ranges.above("dropout_keep_probability", dropout_keep_probability, 0, 1)
        per_location = anchors_of_all(anchors_per_location)
        if num_layers_before_predictor > 0 and depth <= 0:
            raise ValueError("depth must be above 0, e.g. 256: the channels of a tower")
        if use_depthwise and kernel_size == 1:
            raise ValueError("use_depthwise needs a kernel_size above 1, e.g. 3")
        self._make = conv_hyperparams or ConvHyperparams()
        self._depth = depth
        self._num_layers = num_layers_before_predictor
        self._kernel_size = kernel_size
        self._use_depthwise = use_depthwise
        self._settings_in_heads = apply_conv_hyperparams_to_heads
        self._settings_pointwise = apply_conv_hyperparams_pointwise
        self._num_levels = len(anchors_per_location)
        self._num_logits = num_classes + int(add_background_class)
        self._code_size = box_code_size
        self._clip = box_encodings_clip_range
        self._sigmoid = score_converter == "SIGMOID"
        rate = 1 - dropout_keep_probability
        self._dropout = Dropout(rate, name="dropout") if use_dropout else None
        anchors = per_location
        self._class_conv = self._prediction(
            anchors * self._num_logits, "class", class_prediction_bias_init
        )
        self._box_conv = self._prediction(anchors * box_code_size, "box", 0.0)
        names = ("tower",) if share_prediction_tower else ("box_tower", "class_tower")
        self._tower_convs = {name: self._convs(name) for name in names}

    def _prediction(self, filters, name, bias):
        arguments = {
            "name": name,
            "use_bias": True,
            "bias_initializer": keras.initializers.Constant(bias),
        }
        if not self._use_depthwise:
            return self._make.conv2d(filters, self._kernel_size, **arguments)
        settings = self._settings_in_heads
        return self._make.separable_conv2d(
            filters,
            self._kernel_size,
            depthwise=settings,
            pointwise=settings,
            **arguments,
        )

    def _convs(self, tower):
        names = [f"{tower}_conv{i}" for i in range(self._num_layers)]
        size = (self._depth, self._kernel_size)
        if not self._use_depthwise:
            return [self._make.conv2d(*size, name=name) for name in names]
        pointwise = self._settings_pointwise
        return [
            self._make.separable_conv2d(*size, name=name, pointwise=pointwise)
            for name in names
        ]

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the neck's, by level."""
        if len(feature_shapes) != self._num_levels:
            raise ValueError(
                f"the neck gives {len(feature_shapes)} levels "
                f"({', '.join(feature_shapes)}) and the anchor generator has "
                f"{self._num_levels}; they must agree"
            )
        depths = [shape[-1] for shape in feature_shapes.values()]
        depth = Counter(depths).most_common(1)[0][0]
        self._projections = []
        self._towers = {name: [] for name in self._tower_convs}
        for level, shape in feature_shapes.items():
            projection = self._projection(level, depth, needed=len(set(depths)) > 1)
            projection.build(shape)
            shape = projection.compute_output_shape(shape)
            self._projections.append(projection)
            for name, convs in self._tower_convs.items():
                self._build_convs(convs, shape)
                tower = self._tower(f"{name}_{level}", convs)
                tower.build(shape)
                self._towers[name].append(tower)
        if self._num_layers:
            shape = (*shape[:-1], self._depth)
        if self._dropout is not None:
            self._dropout.build(shape)
        self._class_conv.build(shape)
        self._box_conv.build(shape)

    @staticmethod
    def _build_convs(convs, shape):
        # Built here and not by a level's chain, whose name would be part of the path.
        for conv in convs:
            if not conv.built:
                conv.build(shape)
            shape = conv.compute_output_shape(shape)

    def _projection(self, level, depth, needed):
        if not needed:
            return Chain([], name=f"projection_{level}")
        steps = [
            self._make.conv2d(depth, 1, name="conv"),
            self._make.norm_layer(depth, name="norm"),
        ]
        return Chain(steps, name=f"projection_{level}")

    def _tower(self, name, convs):
        steps = []
        for i, conv in enumerate(convs):
            norm = self._make.norm_layer(self._depth, name=f"norm{i}")
            steps += [conv, norm, self._make.activation_layer(name=f"activation{i}")]
        return Chain(steps, name=name)

    def call(self, features, training=False):
        """Predictions of all levels, one row an anchor.

        Args:
          features: {level: [B, h, w, C]}, as many as there are anchors_per_location.
          training: whether dropout and batch statistics are used.

        Returns:
          class_logits [B, A, K or K + 1] and box_codes [B, A, code size], float32.
        """
        levels = zip(features.values(), self._projections, strict=True)
        inputs = [projection(feature) for feature, projection in levels]
        maps = {
            name: [tower(x) for tower, x in zip(towers, inputs, strict=True)]
            for name, towers in self._towers.items()
        }
        box_maps, class_maps = (list(maps.values()) * 2)[:2]
        if self._dropout is not None:
            class_maps = [self._dropout(x) for x in class_maps]
        logits = [self._class_conv(x) for x in class_maps]
        codes = [self._box_conv(x) for x in box_maps]
        return self._outputs(logits, codes, training)

    def _outputs(self, logits, codes, training):
        class_logits = rows_per_anchor(logits, self._num_logits)
        box_codes = rows_per_anchor(codes, self._code_size)
        if self._sigmoid and not training:
            class_logits = tf.sigmoid(class_logits)
        if self._clip is not None:
            box_codes = self._clip(box_codes)
        return {"class_logits": class_logits, "box_codes": box_codes}
