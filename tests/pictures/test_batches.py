"""Batches as pictures: sizes without padding, valid boxes alone, one file."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from od_api.pictures import draw
from od_api.pictures.batches import draw_batch, draw_batches

SIZE = 420


class Names:
    """A label map of any id."""

    def name(self, number):
        return f"class {number}"


def batch(valid=(True, False), masks=False):
    """One gray image of 420 x 420 inside of 500 x 500, and two boxes."""
    images = np.full([1, 500, 500, 3], 90, np.float32)
    made = {
        "image": images,
        "true_shape": np.int32([[SIZE, SIZE]]),
        "boxes": np.float32([[[100, 100, 200, 300], [250, 50, 400, 150]]]),
        "classes": np.int32([[0, 1]]),
        "valid": np.array([valid]),
    }
    if masks:
        made["masks"] = np.zeros([1, 2, 500, 500], np.uint8)
        made["masks"][0, 0, 120:180, 120:280] = 1
    return {name: tf.constant(value) for name, value in made.items()}


def test_padding_is_cut_off_and_only_valid_boxes_are_drawn():
    (picture,) = draw_batch(batch(), Names())
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
    assert tuple(picture[200, 150]) == draw.color_of(0)
    np.testing.assert_array_equal(picture[240:410, 40:160], 90)
    (picture,) = draw_batch(batch(valid=(True, True)), Names())
    assert tuple(picture[300, 50]) == draw.color_of(1)


def test_ignored_boxes_say_so(monkeypatch):
    names = []
    monkeypatch.setattr(draw, "draw_boxes", lambda *given: names.append(given[2]))
    truth = batch(valid=(True, True))
    draw_batch(truth | {"ignored": tf.constant([[False, True]])}, Names())
    draw_batch(truth, Names())
    assert names == [["class 1", "class 2 (ignored)"], ["class 1", "class 2"]]


def test_masks_colour_what_they_cover():
    (plain,), (masked,) = (draw_batch(batch(masks=m), Names()) for m in (False, True))
    changed = np.any(plain != masked, axis=-1)
    assert changed[150, 200] and not changed[350, 350]


def test_values_outside_of_bytes_are_clipped():
    """After a gain or a subtracted mean."""
    made = batch(valid=(False, False))
    for value, drawn in ((-50.0, 0), (999.0, 255)):
        made["image"] = tf.fill([1, 500, 500, 3], value)
        (picture,) = draw_batch(made, Names())
        np.testing.assert_array_equal(picture, drawn)


@pytest.mark.parametrize(("count", "drawn"), [(1, 1), (2, 2), (5, 2)])
def test_the_first_two_batches_make_one_file(tmp_path, count, drawn):
    path = tmp_path / "new" / "batches.png"
    pictures = draw_batches([batch()] * count, Names(), path)
    assert len(pictures) == drawn
    assert Image.open(path).size[0] >= SIZE
