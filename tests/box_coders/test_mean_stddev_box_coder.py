"""A box code of corner differences."""

import kit
import numpy as np
import pytest

from od_api.box_coders.mean_stddev_box_coder import MeanStddevBoxCoder


def test_values():
    """4 px of 200 is 0.02, two deviations; 4 px of 400 is 0.01, one deviation."""
    coder = MeanStddevBoxCoder(image_shape=(200, 400))
    anchor, box = np.float32([10, 10, 50, 50]), np.float32([14, 14, 50, 46])
    code = coder.encode(box, anchor)
    np.testing.assert_allclose(code, [2, 1, 0, -1], atol=1e-6)
    np.testing.assert_allclose(coder.decode(code, anchor), box, rtol=1e-6)


def test_needs_the_size_of_the_images():
    with pytest.raises(ValueError, match="fixed_shape_resizer"):
        MeanStddevBoxCoder()


def test_stddev_must_be_positive():
    with pytest.raises(ValueError, match="stddev is 0"):
        MeanStddevBoxCoder(stddev=0.0, image_shape=(1, 1))


def test_kit():
    kit.check_box_coder(MeanStddevBoxCoder(image_shape=(100, 150)))
