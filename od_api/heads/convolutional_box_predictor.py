"""SSD's head: a small convolution on each level, with weights of its own."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.anchor_predictions import rows_per_anchor
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.dropout import Dropout
from od_api.protos import box_predictor_pb2


@register(
    box_predictor_pb2.ConvolutionalBoxPredictor,
    ignored={
        "apply_sigmoid_to_scores": "post_processing.score_converter makes scores of "
        "logits"
    },
)
class ConvolutionalBoxPredictor(keras.layers.Layer):
    """Predicts classes and box codes from every level (Liu et al., ECCV 2016).

    Each level has 1x1 convolutions of its own (as many as
    `num_layers_before_predictor`, and none while `max_depth` and `min_depth` are 0),
    which its class and its box convolution share.

    Args:
      conv_hyperparams: a `ConvHyperparams`.
      min_depth: least depth of the 1x1 convolutions.
      max_depth: greatest depth of them; within both it is the depth of the level.
      num_layers_before_predictor: how many 1x1 convolutions.
      use_dropout: dropout before the class convolution, while training.
      dropout_keep_probability: share of the inputs that dropout keeps, above 0.
      kernel_size: of the class and box convolutions.
      box_code_size: numbers of a box code.
      class_prediction_bias_init: every class logit's bias at the start.
      use_depthwise: the two convolutions become a depthwise one, with normaliser and
        activation, and a 1x1 one.
      box_encodings_clip_range: a `BoxEncodingsClipRange`, or None.
      num_classes: K.
      anchors_per_location: anchors of a location on each level, a list; a level with
        none has no convolutions.
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
        min_depth=0,
        max_depth=0,
        num_layers_before_predictor=0,
        use_dropout=True,
        dropout_keep_probability=0.8,
        kernel_size=1,
        box_code_size=4,
        class_prediction_bias_init=0.0,
        use_depthwise=False,
        box_encodings_clip_range=None,
    ):
        super().__init__(name="convolutional_box_predictor")
        ranges.at_least("min_depth", min_depth, 0, ranges.MOST_CHANNELS)
        ranges.at_least("max_depth", max_depth, 0, ranges.MOST_CHANNELS)
        ranges.at_least("kernel_size", kernel_size, 1, ranges.MOST_CELLS)
        ranges.at_least("box_code_size", box_code_size, 1, ranges.MOST_CHANNELS)
        ranges.finite("class_prediction_bias_init", class_prediction_bias_init)
        ranges.at_least(
            "num_layers_before_predictor",
            num_layers_before_predictor,
            0,
            ranges.MOST_LAYERS,
        )
        ranges.above("dropout_keep_probability", dropout_keep_probability, 0, 1)
        if min_depth > max_depth:
            raise ValueError(
                f"min_depth is {min_depth} and must not be above max_depth, {max_depth}"
            )
        if use_depthwise and kernel_size == 1:
            raise ValueError("use_depthwise needs a kernel_size above 1, e.g. 3")
        self._make = conv_hyperparams or ConvHyperparams()
        self._min_depth, self._max_depth = min_depth, max_depth
        self._num_layers = num_layers_before_predictor
        self._dropout_rate = 1 - dropout_keep_probability if use_dropout else 0.0
        self._kernel_size = kernel_size
        self._use_depthwise = use_depthwise
        self._bias = class_prediction_bias_init
        self._clip = box_encodings_clip_range
        self._anchors_per_location = list(anchors_per_location)
        self._num_logits = num_classes + int(add_background_class)
        self._code_size = box_code_size

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the neck's, by level."""
        anchors = self._anchors_per_location
        if len(feature_shapes) != len(anchors):
            raise ValueError(
                f"the neck gives {len(feature_shapes)} levels "
                f"({', '.join(feature_shapes)}) and the anchor generator has "
                f"{len(anchors)}; they must agree"
            )
        self._levels, self._shared, self._classes, self._boxes = [], [], [], []
        for count, (level, shape) in zip(anchors, feature_shapes.items(), strict=True):
            if not count:
                continue
            self._levels.append(level)
            shared = self._shared_layers(level, shape[-1])
            shared.build(shape)
            shape = shared.compute_output_shape(shape)
            classes = self._class_layers(level, count, shape[-1])
            boxes = self._box_layers(level, count, shape[-1])
            classes.build(shape)
            boxes.build(shape)
            self._shared.append(shared)
            self._classes.append(classes)
            self._boxes.append(boxes)

    def _shared_layers(self, level, depth):
        depth = max(min(depth, self._max_depth), self._min_depth)
        layers = self._num_layers if depth > 0 else 0
        blocks = [
            self._make.conv_block(depth, 1, name=f"conv{i}") for i in range(layers)
        ]
        return Chain(blocks, name=f"shared_{level}")

    def _class_layers(self, level, anchors, depth):
        rate = self._dropout_rate
        dropout = Dropout(rate, name="dropout") if rate else None
        prediction = self._prediction(anchors * self._num_logits, depth, self._bias)
        return Chain([dropout, *prediction], name=f"class_{level}")

    def _box_layers(self, level, anchors, depth):
        prediction = self._prediction(anchors * self._code_size, depth, 0.0)
        return Chain(prediction, name=f"box_{level}")

    def _prediction(self, filters, depth, bias):
        make, kernel_size = self._make, self._kernel_size
        steps = []
        if self._use_depthwise:
            steps = [
                make.depthwise_conv2d(kernel_size, name="depthwise"),
                make.norm_layer(depth, name="norm"),
                make.activation_layer(name="activation"),
            ]
            kernel_size = 1
        conv = make.conv2d(
            filters,
            kernel_size,
            name="conv",
            use_bias=True,
            bias_initializer=keras.initializers.Constant(bias),
        )
        return [*steps, conv]

    def call(self, features, training=False):
        """Predictions of all levels, one row an anchor.

        Args:
          features: {level: [B, h, w, C]}, as many as there are anchors_per_location.
          training: whether dropout and batch statistics are used.

        Returns:
          class_logits [B, A, K or K + 1] and box_codes [B, A, code size], float32.
        """
        read = [features[name] for name in self._levels]
        maps = [shared(x) for shared, x in zip(self._shared, read, strict=True)]
        logits = [c(m) for c, m in zip(self._classes, maps, strict=True)]
        codes = [b(m) for b, m in zip(self._boxes, maps, strict=True)]
        box_codes = rows_per_anchor(codes, self._code_size)
        if self._clip is not None:
            box_codes = self._clip(box_codes)
        return {
            "class_logits": rows_per_anchor(logits, self._num_logits),
            "box_codes": box_codes,
        }
