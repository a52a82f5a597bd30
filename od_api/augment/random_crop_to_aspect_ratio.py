"""The largest part of the image with a given shape."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomCropToAspectRatio)
class RandomCropToAspectRatio:
    """Cuts rows or columns off, at random sides, until the image has the wanted shape.

    Args:
      aspect_ratio: width / height of the result, up to rounding.
      overlap_thresh: boxes with a smaller part of their area inside are dropped.
      clip_boxes: clip boxes to the crop, and unset keypoints outside of it.
    """

    def __init__(self, *, aspect_ratio=1.0, overlap_thresh=0.3, clip_boxes=True):
        ranges.above("aspect_ratio", aspect_ratio)
        ranges.probability("overlap_thresh", overlap_thresh)
        self._aspect_ratio = aspect_ratio
        self._overlap_thresh = overlap_thresh
        self._clip_boxes = clip_boxes

    def __call__(self, sample, seed):
        y_seed, x_seed = random.seeds(seed, 2)
        h, w = geometry.size(sample)
        height = tf.cast(
            tf.round(tf.cast(w, tf.float32) / self._aspect_ratio), tf.int32
        )
        width = tf.cast(tf.round(tf.cast(h, tf.float32) * self._aspect_ratio), tf.int32)
        height = tf.clip_by_value(height, 1, h)
        width = tf.clip_by_value(width, 1, w)
        top = random.integer(y_seed, 0, h - height + 1)
        left = random.integer(x_seed, 0, w - width + 1)
        cropped = geometry.view(sample, top, left, height, width)
        return geometry.keep_visible(cropped, self._overlap_thresh, self._clip_boxes)
