"""Pixel values moved from one range to another."""

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.NormalizeImage)
class NormalizeImage:
    """Maps original_minval..original_maxval linearly to target_minval..target_maxval.

    Only the image changes; values outside the range are mapped too, not clipped.

    Raises:
      ValueError: the original range is empty, as it is when it is not set.
    """

    def __init__(
        self,
        *,
        original_minval=0.0,
        original_maxval=0.0,
        target_minval=0.0,
        target_maxval=1.0,
    ):
        ranges.finite("original_minval", original_minval)
        ranges.finite("original_maxval", original_maxval)
        ranges.finite("target_minval", target_minval)
        ranges.finite("target_maxval", target_maxval)
        if original_maxval <= original_minval:
            raise ValueError(
                f"the original range is {original_minval:g} to {original_maxval:g}: "
                "original_maxval must be larger (255 for images as they are read)"
            )
        scale = (target_maxval - target_minval) / (original_maxval - original_minval)
        self._scale = scale
        self._original_minval = original_minval
        self._target_minval = target_minval

    def __call__(self, sample, seed):
        image = (sample["image"] - self._original_minval) * self._scale
        return {**sample, "image": image + self._target_minval}
