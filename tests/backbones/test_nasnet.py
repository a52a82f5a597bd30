"""NASNet: count, maps, and the cut that leaves two maps."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError


@pytest.fixture(scope="module")
def cut():
    return kit.built('nasnet { size: "mobile" second_stage: true }')


def test_mobile_in_full(cut):
    """Keras' own: 5,326,716 with the classifier of 1056 * 1000 + 1000."""
    both = {id(v): v for part in (cut.network, cut.second_stage) for v in part.weights}
    counted = sum(int(np.prod(v.shape)) for v in both.values())
    assert counted == 5_326_716 - 1_057_000
    kit.check_names(cut)


def test_where_it_is_cut_c4_is_two_maps(cut):
    """Of the last two cells of 528 channels, and C3 of one of 264."""
    assert cut.channels == {"C2": 44, "C3": 264, "C4": 2 * 528}
    assert cut.strides == {"C2": 4, "C3": 8, "C4": 16}
    assert kit.sizes(cut, 300) == [75, 38, 19]
    assert tuple(cut.second_stage.compute_output_shape((1, 17, 17, 1056)))[1:] == (
        *(9, 9, 1056),
    )


def test_both_parts_on_an_odd_size(cut):
    maps = cut(np.ones([1, 75, 75, 3], np.float32))
    assert maps["C4"].shape == (1, 5, 5, 1056)
    end = cut.second_stage(maps["C4"])
    assert end.shape == (1, 3, 3, 1056) and np.isfinite(end).all()


def test_mistakes():
    with pytest.raises(ConfigError, match="large or mobile"):
        kit.built('nasnet { size: "small" }')
