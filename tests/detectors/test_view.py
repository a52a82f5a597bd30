"""How a pyramid shows images, and puts boxes back, by values."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core import resampling
from od_api.detectors.view import View, largest
from od_api.resizers.identity_resizer import IdentityResizer
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer


def kept(short, long, **more):
    return View(KeepAspectRatioResizer(min_dimension=short, max_dimension=long), **more)


def test_the_largest_is_found_wherever_it_stands():
    """Of equal short sides, the one whose long side may be longer."""
    assert largest([kept(80, 160), kept(40, 300), kept(80, 200)]) == 2
    assert largest([kept(9, 9, mirrored=True), kept(8, 8)]) == 1
    assert largest([View(IdentityResizer())]) == 0


def test_sizes_are_those_of_the_paper():
    """480x640 under (1400, 2000) is 1400x1867, and under (800, 1200) 800x1067."""
    large, small = kept(1400, 2000), kept(800, 1200)
    size = large.resizer.size_of(tf.constant([480, 640]))
    assert size.numpy().tolist() == [1400, 1867]
    assert small.resizer.size_of(size).numpy().tolist() == [800, 1067]


@pytest.mark.parametrize("padded", [False, True])
def test_a_smaller_size_is_the_largest_one_resized_without_its_padding(padded):
    """Images of a batch that end elsewhere: each is resized by itself."""
    resizer = KeepAspectRatioResizer(
        min_dimension=40, max_dimension=80, pad_to_max_dimension=padded
    )
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 100, 160, 3)).astype(np.float32)
    shapes = [[80, 160], [100, 80]]
    seen, inside = View(resizer).show(images, tf.constant(shapes), False)
    assert inside.numpy().tolist() == [[40, 80], [50, 40]]
    assert seen.shape == ((2, 80, 80, 3) if padded else (2, 50, 80, 3))
    for image, own, (h, w), small in zip(
        seen.numpy(), images, shapes, inside.numpy(), strict=True
    ):
        want = resampling.resample(own[:h, :w], small)
        np.testing.assert_array_equal(image[: small[0], : small[1]], want)
        assert not image[small[0] :].any() and not image[:, small[1] :].any()


def test_the_largest_size_is_shown_as_it_is():
    images, shapes = tf.ones([1, 4, 6, 3]), tf.constant([[4, 5]])
    shown, inside = kept(4, 6).show(images, shapes, True)
    assert shown is images and inside is shapes


def test_mirrored_inside_the_padding():
    """Columns 0 1 2 and a padded 9: 2 1 0 9."""
    row = tf.constant([0.0, 1.0, 2.0, 9.0])
    images = tf.tile(row[None, None, :, None], [1, 2, 1, 3])
    view = kept(2, 4, mirrored=True)
    shown, _ = view.show(images, tf.constant([[2, 3]]), True)
    np.testing.assert_array_equal(shown[0, 1, :, 2], [2, 1, 0, 9])


@pytest.mark.parametrize("mirrored", [False, True])
def test_boxes_are_put_back_and_brought(mirrored):
    """Of 20 x 30 in 40 x 90: y by 2, x by 3; mirrored, x from 30 - x."""
    view = kept(20, 30, mirrored=mirrored)
    shapes, largest_shapes = tf.constant([[20, 30]]), tf.constant([[40, 90]])
    box = tf.constant([[[1.0, 2.0, 3.0, 5.0]]])
    back = view.put_back(box, shapes, largest_shapes)
    want = [2, 75, 6, 84] if mirrored else [2, 6, 6, 15]
    np.testing.assert_allclose(back[0, 0], want)
    np.testing.assert_allclose(view.bring(back, shapes, largest_shapes), box)


def test_without_a_range_all_sizes_count():
    assert not kept(4, 8).has_range
    assert kept(4, 8, low=1.0).has_range and kept(4, 8, high=1e8).has_range
