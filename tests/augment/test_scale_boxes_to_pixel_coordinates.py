"""ScaleBoxesToPixelCoordinates: nothing to do."""

from augment_samples import assert_equal, sample, seed

from od_api.augment.scale_boxes_to_pixel_coordinates import (
    ScaleBoxesToPixelCoordinates,
)


def test_nothing_changes():
    assert_equal(ScaleBoxesToPixelCoordinates()(sample(), seed()), sample())
