"""Mask R-CNN's mask branch: from a region's features to a small mask per class."""

import math

import keras
import tensorflow as tf

from od_api.layers.chain import Chain

# Weights of the logarithms of features' and classes' numbers in an automatic depth.
FEATURE_WEIGHT = 2.0
CLASS_WEIGHT = 3.0


def automatic_depth(num_features, num_classes):
    """The power of 2 nearest to a weighted geometric mean, the old API's depth for 0.

    The exponent is (2 log2 features + 3 log2 classes) / 5, rounded.
    """
    exponent = FEATURE_WEIGHT * math.log2(num_features)
    exponent += CLASS_WEIGHT * math.log2(num_classes)
    return 2 ** round(exponent / (FEATURE_WEIGHT + CLASS_WEIGHT))


class MaskHead(keras.layers.Layer):
    """Predicts masks of regions (He et al., ICCV 2017), without transposed convolution.

    Either the features are enlarged first (bilinear, corners on corners) and all
    convolutions see the size of the mask, or the convolutions come first and the
    features are repeated to the size of the mask before the last two.

    Args:
      make: a `ConvHyperparams`.
      size: (height, width) of a mask.
      num_masks: K, or 1 for one mask of all classes.
      num_classes: K, for the automatic depth.
      depth: channels of the convolutions; 0 for `automatic_depth`.
      num_convs: 3x3 convolutions, with the one that predicts.
      convolve_then_upsample: the second of the two orders.
    """

    def __init__(
        self,
        *,
        make,
        size,
        num_masks,
        num_classes,
        depth,
        num_convs,
        convolve_then_upsample,
    ):
        super().__init__(name="mask")
        self._make = make
        self._size = size
        self._num_masks = num_masks
        self._num_classes = num_classes
        self._depth = depth
        self._num_convs = num_convs
        self._upsample_last = convolve_then_upsample

    def build(self, shape):
        """Creates the variables, for regions' features [M, h, w, C]."""
        depth = self._depth or automatic_depth(shape[-1], self._num_classes)
        steps = [
            self._make.conv_block(depth, 3, name=f"conv{i}")
            for i in range(self._num_convs - 1)
        ]
        if self._upsample_last:
            scale = self._scale(shape[1:3])
            steps += [
                keras.layers.UpSampling2D(scale, name="upsample"),
                self._make.conv_block(depth, 3, name="upsample_conv"),
            ]
        else:
            shape = (shape[0], *self._size, shape[-1])
        last = self._make.conv2d(self._num_masks, 3, name="last", use_bias=True)
        self._convs = Chain([*steps, last], name="convs")
        self._convs.build(shape)

    def _scale(self, shape):
        for mask, features in zip(self._size, shape, strict=True):
            if mask % features:
                raise ValueError(
                    f"mask_height and mask_width are {self._size} and must be "
                    f"multiples of the region's {tuple(shape)} features under "
                    "convolve_then_upsample_masks; set a multiple, or remove that field"
                )
        return tuple(m // f for m, f in zip(self._size, shape, strict=True))

    def call(self, features, training=False):
        """[M, h, w, C] -> [M, mask height, mask width, K or 1] float32 logits."""
        if not self._upsample_last:
            features = tf.raw_ops.ResizeBilinear(
                images=features, size=self._size, align_corners=True
            )
        return tf.cast(self._convs(features), tf.float32)
