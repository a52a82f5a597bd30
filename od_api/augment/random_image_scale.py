"""The image made larger or smaller, its shape kept."""

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2

# Of a picture of 1,000 pixels a side that makes 100 million.
MOST_TIMES = 10


@register(preprocessor_pb2.RandomImageScale)
class RandomImageScale:
    """Resizes (bilinear) by a factor from [min_scale_ratio, max_scale_ratio).

    [h, w, 3] becomes [int(f h), int(f w), 3]; boxes, masks and keypoints follow. As in
    the old API the centres of the four corner pixels stay where they are.
    """

    def __init__(self, *, min_scale_ratio=0.5, max_scale_ratio=2.0):
        random.check_range(
            "min_scale_ratio", min_scale_ratio, "max_scale_ratio", max_scale_ratio
        )
        ranges.above("min_scale_ratio", min_scale_ratio)
        ranges.above("max_scale_ratio", max_scale_ratio, 0, MOST_TIMES)
        self._range = (min_scale_ratio, max_scale_ratio)

    def __call__(self, sample, seed):
        factor = random.uniform(seed, *self._range)
        size = geometry.scaled_size(sample, factor)
        return geometry.resize(sample, *size, align_corners=True)
