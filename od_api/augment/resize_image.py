"""One size, always."""

from od_api.augment import _geometry as geometry
from od_api.core import ranges, resampling
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.ResizeImage)
class ResizeImage:
    """Resizes to [new_height, new_width, 3]; boxes, masks and keypoints follow.

    Args:
      method: AREA, BICUBIC, BILINEAR or NEAREST_NEIGHBOR; masks are always resized by
        nearest neighbour.
    """

    def __init__(self, *, new_height=0, new_width=0, method="BILINEAR"):
        ranges.at_least("new_height", new_height, 1, ranges.LONGEST_SIDE)
        ranges.at_least("new_width", new_width, 1, ranges.LONGEST_SIDE)
        resampling.check_method(method)
        self._size = (new_height, new_width)
        self._method = method

    def __call__(self, sample, seed):
        return geometry.resize(sample, *self._size, self._method)
