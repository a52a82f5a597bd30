"""R-FCN's head: score maps of the whole image, and votes of a region's bins on them."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.protos import box_predictor_pb2


@register(box_predictor_pb2.RfcnBoxPredictor)
class RfcnBoxPredictor(keras.layers.Layer):
    """Predicts class and box of regions by position-sensitive pooling.

    A 1x1 convolution reduces the depth; 1x1 convolutions then make one map for each
    bin, and each class or number of a box code. Nothing is computed a region but the
    average over its bins (Dai et al., NIPS 2016). Maps are ordered by bin, row by row,
    then class, then number of the code.

    Args:
      conv_hyperparams: a `ConvHyperparams` of all three; the activation is that of the
        first, the normaliser follows each.
      num_spatial_bins_height, num_spatial_bins_width: bins of a region.
      depth: channels of the first convolution.
      box_code_size: numbers of a box code.
      crop_height, crop_width: samples of a region, multiples of its bins.
      share_box_across_classes: one box for all classes in place of one for each.
      num_classes: K.

    Attributes:
      reads: whole maps, of which an operator reads the regions.
      map_channels: {"class", "box": channels of the score maps that it reads}.
      bins: (bh, bw) of a region.
      crop_size: (ch, cw) samples of a region.
      depth: channels of the first convolution.
    """

    reads = "maps"

    def __init__(
        self,
        *,
        num_classes,
        conv_hyperparams=None,
        num_spatial_bins_height=3,
        num_spatial_bins_width=3,
        depth=1024,
        box_code_size=4,
        crop_height=12,
        crop_width=12,
        share_box_across_classes=False,
    ):
        # Keras would cast boxes in pixels to half precision along with the features.
        super().__init__(name="rfcn_box_predictor", autocast=False)
        _check_multiple("height", crop_height, num_spatial_bins_height)
        _check_multiple("width", crop_width, num_spatial_bins_width)
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.at_least("box_code_size", box_code_size, 1, ranges.MOST_CHANNELS)
        make = conv_hyperparams or ConvHyperparams()
        self.bins = (num_spatial_bins_height, num_spatial_bins_width)
        self.crop_size = (crop_height, crop_width)
        self._box_shape = [1 if share_box_across_classes else num_classes]
        self._box_shape += [box_code_size]
        bins = num_spatial_bins_height * num_spatial_bins_width
        self.depth = depth
        self._reduce = make.conv_block(depth, 1, name="reduce_depth")
        self.map_channels = {
            "class": bins * (num_classes + 1),
            "box": bins * self._box_shape[0] * box_code_size,
        }
        self._maps = {
            name: _score_maps(make, channels, name=name)
            for name, channels in self.map_channels.items()
        }

    def build(self, shape):
        """Creates the variables, for the image's features [B, h, w, C]."""
        self._reduce.build(shape)
        shape = self._reduce.compute_output_shape(shape)
        for maps in self._maps.values():
            maps.build(shape)

    def call(
        self,
        features,
        proposals,
        image_shape,
        training=False,
        read=position_sensitive_crop,
    ):
        """Classes and boxes of every image's regions.

        Args:
          features: [B, h, w, C] of the whole images.
          proposals: [B, P, 4] float32, in pixels of the padded network input.
          image_shape: (H, W) of the padded network input.
          training: whether batch statistics are used.
          read: (score maps, boxes, image_shape, crop size, bins) -> [B, P, D]: a region
            operator's `position_sensitive`.

        Returns:
          class_logits [B, P, K + 1], background in column 0, and box_codes [B, P, Q,
          code size], float32; Q is K, or 1 for a shared box.
        """

        def plain(kind, maps, reduced):
            return read(maps, proposals, image_shape, self.crop_size, self.bins)

        return self.votes(features, plain)

    def votes(self, features, read):
        """What `call` returns, of score maps that are read in a way of one's own.

        Args:
          features: [B, h, w, C] of the whole images.
          read: ("class" or "box", score maps [B, h, w, bins * D] float32, the reduced
            features [B, h, w, depth]) -> [B, P, D].
        """
        reduced = self._reduce(features)
        codes, logits = (
            read(kind, tf.cast(self._maps[kind](reduced), tf.float32), reduced)
            for kind in ("box", "class")
        )
        shape = tf.concat([tf.shape(codes)[:2], self._box_shape], axis=0)
        return {"class_logits": logits, "box_codes": tf.reshape(codes, shape)}


def _score_maps(make, filters, *, name):
    conv = make.conv2d(filters, 1, name="conv")
    return Chain([conv, make.norm_layer(filters, name="norm")], name=name)


def _check_multiple(side, crop, bins):
    ranges.at_least(f"num_spatial_bins_{side}", bins, 1, ranges.MOST_CELLS)
    ranges.at_least(f"crop_{side}", crop, 1, ranges.MOST_CELLS)
    if crop % bins:
        raise ValueError(
            f"crop_{side} is {crop} and must be a multiple of num_spatial_bins_{side}, "
            f"{bins}"
        )
