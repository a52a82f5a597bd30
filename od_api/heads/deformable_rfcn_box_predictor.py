"""R-FCN's head with bins that are moved (Dai et al., ICCV 2017)."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.heads.rfcn_box_predictor import RfcnBoxPredictor
from od_api.layers.deformable_position_sensitive_crop import (
    deformable_position_sensitive_crop,
)
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.protos import box_predictor_pb2


@register(box_predictor_pb2.DeformableRfcnBoxPredictor)
class DeformableRfcnBoxPredictor(keras.layers.Layer):
    """Learns for each region how far every bin moves before it reads its score maps.

    A 1x1 convolution over the reduced features makes maps of offsets, (dx, dy) for each
    bin, whose bins the region operator averages. Then the score maps are read by
    bilinear samples of the moved bins. The offsets' kernels start at zero, and so does
    this as R-FCN. With `deformable_stages` in the backbone it is D-R-FCN (Dai et al.,
    Deformable Convolutional Networks, ICCV 2017, section 2.2).

    Args:
      num_classes: K.
      rfcn_box_predictor: the `RfcnBoxPredictor` that makes the score maps.
      gamma: an offset of 1 moves a bin by so many sizes of the region.
      offsets_by_class: each class, the background too, has offsets of its own; the box
        codes have one set for all.

    Attributes:
      reads: whole maps, of which an operator reads the offsets.
    """

    reads = "maps"

    def __init__(
        self,
        *,
        num_classes,
        rfcn_box_predictor=None,
        gamma=0.1,
        offsets_by_class=True,
    ):
        super().__init__(name="deformable_rfcn_box_predictor", autocast=False)
        ranges.at_least("gamma", gamma)
        self._rfcn = rfcn_box_predictor or RfcnBoxPredictor(num_classes=num_classes)
        self._gamma = gamma
        self._groups = {"class": num_classes + 1 if offsets_by_class else 1, "box": 1}
        bins = self._rfcn.bins[0] * self._rfcn.bins[1]
        self._offsets = {
            kind: keras.layers.Conv2D(
                2 * bins * groups, 1, kernel_initializer="zeros", name=f"{kind}_offsets"
            )
            for kind, groups in self._groups.items()
        }

    def build(self, shape):
        """Creates the variables, for the image's features [B, h, w, C]."""
        self._rfcn.build(shape)
        for conv in self._offsets.values():
            conv.build((*shape[:3], self._rfcn.depth))

    def call(
        self,
        features,
        proposals,
        image_shape,
        training=False,
        read=position_sensitive_crop,
    ):
        """Classes and boxes of every image's regions, as `RfcnBoxPredictor` has them.

        Args:
          features: [B, h, w, C] of the whole images.
          proposals: [B, P, 4] float32, in pixels of the padded network input.
          image_shape: (H, W) of the padded network input.
          training: whether batch statistics are used.
          read: a region operator's `position_sensitive`, for the offsets.
        """
        crop_size, bins = self._rfcn.crop_size, self._rfcn.bins

        def moved(kind, maps, reduced):
            fields = tf.cast(self._offsets[kind](reduced), tf.float32)
            offsets = read(fields, proposals, image_shape, crop_size, bins, False)
            shape = [*tf.unstack(tf.shape(offsets)[:2]), *bins, self._groups[kind], 2]
            return deformable_position_sensitive_crop(
                maps,
                proposals,
                tf.reshape(offsets, shape),
                image_shape,
                crop_size,
                bins,
                gamma=self._gamma,
            )

        return self._rfcn.votes(features, moved)
