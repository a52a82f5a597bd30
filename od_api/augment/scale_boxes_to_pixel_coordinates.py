"""Accepted, without effect: boxes are in pixels already."""

from absl import logging

from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.ScaleBoxesToPixelCoordinates)
class ScaleBoxesToPixelCoordinates:
    """Returns the sample as it is; says so once in the log."""

    def __init__(self):
        logging.log_first_n(
            logging.WARNING,
            "scale_boxes_to_pixel_coordinates has no effect: boxes are in pixels from "
            "the moment they are read",
            1,
        )

    def __call__(self, sample, seed):
        return dict(sample)
