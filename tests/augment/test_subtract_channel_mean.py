"""SubtractChannelMean: one number a channel."""

import numpy as np
import pytest
from augment_samples import PIXEL, changed

from od_api.augment.subtract_channel_mean import SubtractChannelMean


def test_subtract_channel_mean():
    result = changed(SubtractChannelMean(means=[1, 2, 3]), PIXEL)
    np.testing.assert_allclose(result, [[[199, 98, -3]]])
    with pytest.raises(ValueError, match="means has 0 values"):
        SubtractChannelMean()
