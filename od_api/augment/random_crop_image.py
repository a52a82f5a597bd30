"""A random part of the image."""

from od_api.augment._crop import CropRule, random_crop
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomCropImage)
class RandomCropImage:
    """Crops a random window that covers enough of some object.

    The image stays whole where no window in 100 attempts will do; without boxes, the
    image itself is the object. Boxes that are (nearly) outside are dropped with all
    their fields.

    Args:
      min_object_covered: part of some box's area that the window must contain.
      min_aspect_ratio, max_aspect_ratio: of the window, width / height.
      min_area, max_area: of the window, as a part of the image's area.
      overlap_thresh: boxes with a smaller part of their area inside are dropped.
      random_coef: probability of leaving the image as it is.
      clip_boxes: clip boxes to the window, and unset keypoints outside of it.
    """

    keeps_bytes = True

    def __init__(
        self,
        *,
        min_object_covered=1.0,
        min_aspect_ratio=0.75,
        max_aspect_ratio=1.33,
        min_area=0.1,
        max_area=1.0,
        overlap_thresh=0.3,
        random_coef=0.0,
        clip_boxes=True,
    ):
        self._rule = CropRule(
            min_object_covered=min_object_covered,
            aspect_ratio_range=(min_aspect_ratio, max_aspect_ratio),
            area_range=(min_area, max_area),
            overlap_thresh=overlap_thresh,
            clip_boxes=clip_boxes,
            random_coef=random_coef,
        ).checked()

    def __call__(self, sample, seed):
        return random_crop(sample, seed, [self._rule], 0)
