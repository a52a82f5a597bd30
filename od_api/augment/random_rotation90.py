"""A quarter turn."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomRotation90)
class RandomRotation90:
    """Turns image and ground truth by 90 degrees counter-clockwise with a probability.

    [h, w, 3] becomes [w, h, 3]; a point (y, x) moves to (w - x, y).

    Args:
      keypoint_rot_permutation: keypoint i of the turned image is what was keypoint
        `keypoint_rot_permutation[i]`; none leaves their order.
      probability: 0 to 1.
    """

    keeps_bytes = True

    def __init__(self, *, keypoint_rot_permutation=(), probability=0.5):
        ranges.probability("probability", probability)
        self._permutation = list(keypoint_rot_permutation)
        self._probability = probability

    def __call__(self, sample, seed):
        flag = random.chance(seed, self._probability)
        return random.apply_if(flag, self._turn, sample)

    def _turn(self, sample):
        w = tf.cast(geometry.size(sample)[1], tf.float32)
        ymin, xmin, ymax, xmax = tf.unstack(sample["boxes"], axis=-1)
        turned = {
            **sample,
            "image": tf.reverse(tf.transpose(sample["image"], [1, 0, 2]), [0]),
            "boxes": tf.stack([w - xmax, ymin, w - xmin, ymax], axis=-1),
        }
        if "masks" in sample:
            turned["masks"] = tf.reverse(tf.transpose(sample["masks"], [0, 2, 1]), [1])
        if "keypoints" in sample:
            y, x = tf.unstack(sample["keypoints"], axis=-1)
            turned["keypoints"] = tf.stack([w - x, y], axis=-1)
            if self._permutation:
                turned = geometry.permute_keypoints(turned, self._permutation)
        return turned
