"""An image mirrored with a probability."""

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges


class RandomFlip:
    """Mirrors image, boxes, masks and keypoints with a probability.

    A subclass has the `axis`: 0 exchanges top and bottom, 1 left and right.

    Args:
      keypoint_flip_permutation: keypoint i of the mirrored image is what was keypoint
        `keypoint_flip_permutation[i]`; needed once the records hold keypoints.
      probability: 0 to 1.
    """

    keeps_bytes = True

    def __init__(self, *, keypoint_flip_permutation=(), probability=0.5):
        ranges.probability("probability", probability)
        self._permutation = list(keypoint_flip_permutation)
        self._probability = probability

    def __call__(self, sample, seed):
        return random.apply_if(
            random.chance(seed, self._probability),
            lambda s: geometry.mirror(s, self.axis, self._permutation),
            sample,
        )
