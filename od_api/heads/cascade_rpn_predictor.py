"""The head of a stage of Cascade RPN: one prior a cell, features that go on."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.shapes import spatial_shape
from od_api.layers.adaptive_conv import AdaptiveConv2D
from od_api.layers.anchor_predictions import rows_per_anchor
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.roi_conv import RoiConv2D
from od_api.protos import box_predictor_pb2

CODE_SIZE = 4


@register(box_predictor_pb2.CascadeRpnPredictor)
class CascadeRpnPredictor(keras.layers.Layer):
    """Refines the one prior of each cell, from features that are read inside of it.

    The features are those of a 3x3 convolution with ReLU: a dilated one where priors
    are all alike, an adaptive one where they have moved. They are handed on to the
    stage that follows (bridged), so that the class has to be predicted once, by the
    last. Levels share the weights. Source: Vu et al., Cascade RPN, NeurIPS 2019,
    section 3.

    Args:
      num_classes: K; objectness is of 1.
      anchors_per_location: of each level: one.
      add_background_class: class 0 is background, and K + 1 logits are predicted.
      depth: channels of the convolution.
      kernel_size: of the convolution.
      dilation: of the convolution where it is not adaptive.
      adaptive: the convolution is laid over the priors.
      bin_centres: an adaptive convolution reads the centres of equal bins of a prior
        (RoIConv; Chen et al., AlignDet, 2019), and not its edges and corners.
      predict_classes: False has class logits of 0, of no weights; the objective's
        classification_weight should be 0 then.
      conv_hyperparams: a `ConvHyperparams`; kernels' initialiser and regulariser.

    Attributes:
      reads: every cell of the maps.
      sees_priors: it is called with them.
      handed_on: channels of the maps that the next stage reads.
    """

    reads = "cells"
    sees_priors = True

    def __init__(
        self,
        *,
        num_classes,
        anchors_per_location,
        add_background_class,
        depth=256,
        kernel_size=3,
        dilation=3,
        adaptive=False,
        bin_centres=False,
        predict_classes=True,
        conv_hyperparams=None,
    ):
        # Keras would cast boxes in pixels to half precision along with the features.
        super().__init__(name="cascade_rpn_predictor", autocast=False)
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.between("kernel_size", kernel_size, 2, ranges.MOST_CELLS)
        ranges.between("dilation", dilation, 1, ranges.MOST_CELLS)
        if set(anchors_per_location) != {1}:
            raise ValueError(
                "needs one anchor at each location, and the anchor generator has "
                f"{list(anchors_per_location)}: give one scale and one aspect ratio"
            )
        make = conv_hyperparams or ConvHyperparams()
        self.handed_on = depth
        self._num_logits = num_classes + int(add_background_class)
        self._adaptive = adaptive
        kernel = {
            "kernel_initializer": make.new_initializer() or "glorot_uniform",
            "kernel_regularizer": make.regularizer,
        }
        if bin_centres and not adaptive:
            raise ValueError("bin_centres needs adaptive: true")
        if adaptive:
            kind = RoiConv2D if bin_centres else AdaptiveConv2D
            self._conv = kind(depth, kernel_size, name="conv", **kernel)
        else:
            self._conv = make.conv2d(
                depth, kernel_size, name="conv", dilation_rate=dilation, use_bias=True
            )
        self._boxes = make.conv2d(CODE_SIZE, 1, name="box", use_bias=True)
        self._classes = None
        if predict_classes:
            self._classes = make.conv2d(
                self._num_logits, 1, name="class", use_bias=True
            )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the features', by level."""
        depths = {level: shape[-1] for level, shape in feature_shapes.items()}
        if len(set(depths.values())) != 1:
            raise ValueError(f"levels share weights and need one depth, not {depths}")
        shape = next(iter(feature_shapes.values()))
        self._conv.build(shape)
        shape = self._conv.compute_output_shape(shape)
        self._boxes.build(shape)
        if self._classes is not None:
            self._classes.build(shape)

    def call(self, features, priors, training=False):
        """Predictions of all levels, one row a cell, and the maps that go on.

        Args:
          features: {level: [B, h, w, C]}.
          priors: Priors, one a cell, level by level and row by row.
          training: unused.

        Returns:
          {"class_logits": [B, A, C], "box_codes": [B, A, 4], "maps": {level: [B, h, w,
          depth]}}; logits and codes are float32.
        """
        maps, start = {}, 0
        for level, feature in features.items():
            height, width = spatial_shape(feature)
            if self._adaptive:
                boxes = priors.boxes[..., start : start + height * width, :]
                boxes = _on_cells(boxes, feature)
                strides = tf.unstack(priors.strides[start])
                feature = self._conv(feature, boxes, strides=strides)
            else:
                feature = self._conv(tf.cast(feature, self.compute_dtype))
            maps[level] = tf.nn.relu(feature)
            start += height * width
        codes = rows_per_anchor([self._boxes(x) for x in maps.values()], CODE_SIZE)
        if self._classes is None:
            logits = tf.zeros([*tf.unstack(tf.shape(codes)[:2]), self._num_logits])
            logits = tf.ensure_shape(logits, [*codes.shape[:2], self._num_logits])
        else:
            logits = [self._classes(x) for x in maps.values()]
            logits = rows_per_anchor(logits, self._num_logits)
        return {"class_logits": logits, "box_codes": codes, "maps": maps}


def _on_cells(boxes, feature):
    """[h * w, 4] or [B, h * w, 4] -> [B, h, w, 4]."""
    height, width = spatial_shape(feature)
    boxes = tf.reshape(boxes, [-1, height, width, 4])
    batch = tf.shape(feature)[0]
    return tf.broadcast_to(boxes, [batch, height, width, 4])
