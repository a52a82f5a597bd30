"""Left and right exchanged."""

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomHorizontalFlip)
class RandomHorizontalFlip:
    """Mirrors image, boxes, masks and keypoints left to right with a probability.

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
            lambda s: geometry.mirror(s, 1, self._permutation),
            sample,
        )
