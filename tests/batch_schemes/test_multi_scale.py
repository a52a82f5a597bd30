"""Multi-scale training: which size a batch gets, and what becomes of its images."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.batch_schemes.multi_scale import MultiScale
from od_api.data.preparation import resize
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer

SEED = tf.constant([3, 5])
YOLO9000 = list(range(320, 609, 32))


def sample(height, width):
    box = [0.25 * height, 0.5 * width, 0.75 * height, width]
    return {
        "image": tf.zeros([height, width, 3]),
        "boxes": tf.constant([box], tf.float32),
        "masks": tf.ones([1, height, width], tf.uint8),
    }


def size_of(scheme, number, seed=SEED, image=(10, 10)):
    resizer = scheme.resizer(None, tf.constant(number, tf.int64), seed)
    return tuple(resize(sample(*image), resizer)["image"].shape[:2])


def test_sizes_change_every_ten_batches():
    """Those of YOLO9000: multiples of 32 from 320 to 608 (T93)."""
    scheme = MultiScale(sizes=YOLO9000, every_n_batches=10)
    sizes = [size_of(scheme, number) for number in range(0, 400, 5)]
    assert sizes[::2] == sizes[1::2]
    drawn = {side for side, _ in sizes}
    assert len(drawn) > 7
    assert all(side % 32 == 0 and 320 <= side <= 608 for side in drawn)
    assert all(height == width for height, width in sizes)


def test_the_seed_and_the_number_decide():
    scheme = MultiScale(sizes=YOLO9000)
    sizes = [size_of(scheme, n) for n in range(20)]
    assert sizes == [size_of(scheme, n) for n in range(20)]
    assert sizes != [size_of(scheme, n, SEED + 1) for n in range(20)]


def test_all_sizes_are_equally_likely():
    scheme = MultiScale(sizes=[8, 16])
    drawn = [size_of(scheme, number)[0] for number in range(400)]
    assert 160 < drawn.count(8) < 240


@pytest.mark.parametrize(
    "limits, wanted", [((800, 1200), (800, 1067)), ((1400, 2000), (1400, 1867))]
)
def test_short_sides_with_caps(limits, wanted):
    """A 480 x 640 image of SNIP's sizes (T04); boxes and masks go along."""
    shortest, longest = limits
    keep = KeepAspectRatioResizer(min_dimension=shortest, max_dimension=longest)
    resizer = MultiScale(image_resizer=[keep]).resizer(None, tf.constant(0), SEED)
    resized = resize(sample(480, 640), resizer)
    height, width = wanted
    assert tuple(resized["true_shape"].numpy()) == wanted
    assert resized["image"].shape == (height, width, 3)
    assert resized["masks"].shape == (1, height, width)
    np.testing.assert_allclose(
        resized["boxes"], [[height / 4, width / 2, 0.75 * height, width]], rtol=1e-6
    )


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ({}, "no size"),
        ({"sizes": [0]}, "1"),
        ({"sizes": [32], "every_n_batches": 0}, "1"),
    ],
)
def test_what_cannot_be_is_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        MultiScale(**settings)
