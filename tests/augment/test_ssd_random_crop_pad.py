"""SSDRandomCropPad: crops inside larger images."""

import numpy as np
from augment_samples import assert_consistent, painted, seed, white_box
from google.protobuf import text_format

from od_api.augment.ssd_random_crop_pad import SSDRandomCropPad
from od_api.core.registry import build
from od_api.protos import preprocessor_pb2


def test_built_in_rules():
    """Six; the size is once to less than twice that of the uncropped image.

    The padding has the crop's mean colour, which is no more than gray where black is
    left in the crop.
    """
    augment = SSDRandomCropPad()
    assert [r.overlap_thresh for r in augment._rules] == [0.1, 0.3, 0.5, 0.7, 0.9, 1]
    for number in range(12):
        after = augment(painted(), seed(number))
        assert_consistent(after)
        h, w, _ = after["image"].shape
        assert 40 <= h < 80 and 60 <= w < 120
        white = white_box(after["image"], threshold=254.5)
        if white is not None and after["boxes"].shape[0]:
            np.testing.assert_allclose(after["boxes"][0], white)


def test_given_operation():
    """Its ratios and its colour; black if no colour is given."""
    for color, expected in (("pad_color_g: 7", [0, 7, 0]), ("", [0, 0, 0])):
        step = text_format.Parse(
            f"""operations {{ max_area: 0.2 min_padded_size_ratio: [2, 2]
                max_padded_size_ratio: [2, 2] {color} }}""",
            preprocessor_pb2.SSDRandomCropPad(),
        )
        after = build(step)(painted(), seed())
        image = np.asarray(after["image"])
        assert image.shape == (80, 120, 3)
        assert (image == expected).all(-1).sum() >= 80 * 120 - 0.25 * 2400
