"""The image twice, one below or beside the other."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.sample import per_box
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomSelfConcatImage)
class RandomSelfConcatImage:
    """Doubles the image downwards and then sideways, each with its own probability.

    Every field of every box is doubled with it: [h, w, 3] and G boxes become [2h, w, 3]
    (or [h, 2w, 3]) and 2G boxes, or four times as many if both happen.
    """

    def __init__(
        self, *, concat_vertical_probability=0.1, concat_horizontal_probability=0.1
    ):
        ranges.probability("concat_vertical_probability", concat_vertical_probability)
        ranges.probability(
            "concat_horizontal_probability", concat_horizontal_probability
        )
        self._probabilities = (
            concat_vertical_probability,
            concat_horizontal_probability,
        )

    def __call__(self, sample, seed):
        for axis, coin in enumerate(random.seeds(seed, 2)):
            flag = random.chance(coin, self._probabilities[axis])
            sample = random.apply_if(flag, lambda s, a=axis: _doubled(s, a), sample)
        return sample


def _doubled(sample, axis):
    h, w = geometry.size(sample)
    down, right = (h, 0) if axis == 0 else (0, w)
    height, width = h + down, w + right
    first = geometry.view(sample, 0, 0, height, width)
    second = geometry.view(sample, -down, -right, height, width)
    doubled = {k: tf.concat([first[k], second[k]], 0) for k in per_box(sample)}
    image = tf.concat([sample["image"]] * 2, axis)
    return {**sample, **doubled, "image": image}
