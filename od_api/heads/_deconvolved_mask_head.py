"""Mask R-CNN's mask branch as the paper has it, with a transposed convolution."""

import keras
import tensorflow as tf

from od_api.heads._mask_head import automatic_depth
from od_api.layers.chain import Chain


class DeconvolvedMaskHead(keras.layers.Layer):
    """Predicts masks of twice the features' size.

    3x3 convolutions at the features' size, a 2x2 transposed one with stride 2 and ReLU,
    and a 1x1 convolution. Source: He et al., Mask R-CNN, ICCV 2017, figure 4.

    Args:
      make: a `ConvHyperparams`.
      size: (height, width) of a mask.
      num_masks: K, or 1 for one mask of all classes.
      num_classes: K, for the automatic depth.
      depth: channels of the convolutions; 0 for `automatic_depth`.
      num_convs: 3x3 convolutions.
    """

    def __init__(self, *, make, size, num_masks, num_classes, depth, num_convs):
        super().__init__(name="mask")
        self._make = make
        self._size = tuple(size)
        self._num_masks = num_masks
        self._num_classes = num_classes
        self._depth = depth
        self._num_convs = num_convs

    def build(self, shape):
        """Creates the variables, for regions' features [M, h, w, C].

        Raises:
          ValueError: masks are not twice as large.
        """
        doubled = tuple(2 * side for side in shape[1:3])
        if doubled != self._size:
            raise ValueError(
                f"mask_height and mask_width are {self._size}, and deconvolve_masks "
                f"doubles the region's {tuple(shape[1:3])} features: set {doubled}"
            )
        depth = self._depth or automatic_depth(shape[-1], self._num_classes)
        steps = [
            self._make.conv_block(depth, 3, name=f"conv{i}")
            for i in range(self._num_convs)
        ]
        double = keras.layers.Conv2DTranspose(
            depth,
            2,
            strides=2,
            kernel_initializer=self._make.new_initializer() or "glorot_uniform",
            kernel_regularizer=self._make.regularizer,
            name="double",
        )
        activation = keras.layers.Activation("relu", name="activation")
        last = self._make.conv2d(self._num_masks, 1, name="last", use_bias=True)
        self._convs = Chain([*steps, double, activation, last], name="convs")
        self._convs.build(shape)

    def call(self, features, training=False):
        """[M, h, w, C] -> [M, 2 h, 2 w, K or 1] float32 logits."""
        return tf.cast(self._convs(features), tf.float32)
