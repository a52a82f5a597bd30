"""AutoAugmentImage: the operations by hand, and every policy on a sample."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import (
    assert_consistent,
    assert_equal,
    painted,
    plain,
    sample,
    seed,
    white_box,
)

from od_api.augment import _autoaugment_geometry as moves
from od_api.augment import _autoaugment_pixels as pixels
from od_api.augment import autoaugment_image
from od_api.augment._autoaugment_policies import POLICIES
from od_api.augment.autoaugment_image import AutoAugmentImage


def three(values):
    """[h, w] numbers as a gray image [h, w, 3]."""
    return tf.constant(np.repeat(np.asarray(values, np.float32)[..., None], 3, -1))


def one(image):
    """The first channel of an image."""
    return np.asarray(image)[..., 0].tolist()


@pytest.mark.parametrize(
    ("operation", "level", "values", "expected"),
    [
        # 2 bits (0.4 x 5): multiples of 64.
        (pixels.posterize, 5, [[63, 64, 130, 255]], [[0, 64, 128, 192]]),
        # One bit at least.
        (pixels.posterize, 0, [[127, 128]], [[0, 128]]),
        # Inverted from 0.5 x 256 = 128 up.
        (pixels.solarize, 5, [[10, 127, 128, 250]], [[10, 127, 127, 5]]),
        # 110 added below 128.
        (pixels.solarize_add, 10, [[10, 127, 128]], [[120, 237, 128]]),
        # Stretched: (v - 50) x 255 / 100, rounded down.
        (pixels.auto_contrast, 0, [[50, 100, 150]], [[0, 127, 255]]),
        (pixels.auto_contrast, 0, [[50, 50, 50]], [[50, 50, 50]]),
        # Times 1 and times 1.9.
        (pixels.brightness, 5, [[10, 200]], [[10, 200]]),
        (pixels.brightness, 10, [[10, 200]], [[19, 255]]),
        # Gray stays gray.
        (pixels.color, 10, [[10, 200]], [[10, 200]]),
        # Around 2 pixels / 256 = 0: as brightness.
        (pixels.contrast, 10, [[10, 200]], [[19, 255]]),
        (pixels.flip, 0, [[1, 2, 3]], [[3, 2, 1]]),
    ],
)
def test_pixel_operation(operation, level, values, expected):
    """Values with a step each, see the comments; f is 1.8 level / 10 + 0.1."""
    np.testing.assert_allclose(one(operation(three(values), seed(), level)), expected)


def test_color_moves_away_from_gray():
    """Luma of (200, 100, 0) is 118.48, so 118; 118 + 1.9 x (v - 118) and clipped."""
    image = tf.constant([[[200.0, 100.0, 0.0]]])
    result = np.asarray(pixels.color(image, seed(), 10))[0, 0]
    np.testing.assert_allclose(result, [255, 83, 0])


def test_sharpness_keeps_the_rim():
    """The centre of a 3x3 spike is smoothed to 5 x 130 / 13 = 50; the rim stays."""
    spike = np.zeros([3, 3])
    spike[1, 1] = 130
    result = np.asarray(pixels.sharpness(three(spike), seed(), 0))[..., 0]
    # 50 + 0.1 x (130 - 50)
    assert result[1, 1] == 58
    assert result.sum() == 58


def test_equalize_is_pil_equalize():
    """Pillow's ImageOps.equalize on a random image."""
    from PIL import Image, ImageOps

    image = np.random.default_rng(0).integers(20, 120, [37, 41, 3]).astype(np.uint8)
    expected = np.asarray(ImageOps.equalize(Image.fromarray(image)))
    result = pixels.equalize(tf.constant(image, tf.float32), seed(), 10)
    np.testing.assert_array_equal(np.asarray(result), expected)


def test_cutout_is_a_gray_square():
    """Level 1: up to 20 pixels a side, all of it 128 and the rest untouched."""
    image = three(np.zeros([60, 60]))
    result = np.asarray(pixels.cutout(image, seed(1), 1))
    assert set(np.unique(result)) == {0.0, 128.0}
    box = white_box(result)
    assert (box[2:] - box[:2] <= 20).all()
    area = np.prod(box[2:] - box[:2])
    assert (result[..., 0] == 128).sum() == area


def test_rotation_matrix_turns_about_the_centre():
    """The centre stays; at level 10 a point 10 right of it goes 30 degrees round."""
    matrix = np.asarray(moves.rotation(seed(), 10, (tf.constant(40.0), 60.0)))
    np.testing.assert_allclose(matrix @ [20, 30, 1], [20, 30, 1], atol=1e-4)
    y, x, _ = matrix @ [20, 40, 1] - [20, 30, 1]
    np.testing.assert_allclose(np.hypot(y, x), 10, rtol=1e-5)
    np.testing.assert_allclose(abs(y), 5, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(autoaugment_image._MOVES))
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_boxes_move_with_the_image(name, number):
    """A painted box stays around its white pixels, and touches them if not turned."""
    before = painted([(16.0, 24.0, 26.0, 36.0)])
    before["image"] = tf.where(before["image"] > 0, before["image"], 0.0)
    level = 1 if name.startswith("Translate") else 6
    move = autoaugment_image._MOVES[name]
    after = moves.move_sample(before, seed(number), level, move)
    assert_consistent(after)
    white = white_box(after["image"], threshold=200)
    if white is None:
        assert after["boxes"].shape[0] == 0
        return
    box = np.asarray(after["boxes"])[0]
    slack = 1.0
    assert (box[:2] <= white[:2] + slack).all() and (box[2:] >= white[2:] - slack).all()
    if not name.startswith("Rotate"):
        assert np.abs(box - white).max() <= 2.0


def test_box_that_leaves_the_image_is_dropped():
    """Level 10 moves by 250 pixels: nothing is left of a 60 pixel wide image."""
    after = moves.move_sample(
        sample(), seed(), 10, autoaugment_image._MOVES["TranslateX_BBox"]
    )
    assert after["boxes"].shape[0] == 0
    assert_consistent(after)
    np.testing.assert_array_equal(np.asarray(after["image"]), 128.0)


def test_masks_and_keypoints_move_with_the_boxes():
    """After a turn each mask lies inside its box, and so does the box's centre."""
    before = sample([(16.0, 24.0, 26.0, 36.0)])
    after = moves.move_sample(before, seed(), 8, moves.rotation)
    assert_consistent(after)
    ys, xs = np.where(np.asarray(after["masks"])[0] > 0)
    box = np.asarray(after["boxes"])[0]
    assert box[0] <= ys.min() + 1 and ys.max() <= box[2]
    assert box[1] <= xs.min() + 1 and xs.max() <= box[3]
    center = np.asarray(after["keypoints"])[0, 0]
    np.testing.assert_allclose(center, (box[:2] + box[2:]) / 2, atol=1e-3)


@pytest.mark.parametrize("name", sorted(autoaugment_image._INSIDE_BOXES))
def test_operation_inside_boxes_leaves_the_rest(name, monkeypatch):
    """With certainty for each box, every pixel outside of the box stays."""
    monkeypatch.setattr(autoaugment_image, "_BOX_PROBABILITY", 1.0)
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    before["image"] = pixels.whole(before["image"])
    after = autoaugment_image._apply(before, seed(), name, 1.0, 4)
    changed = (np.asarray(after["image"]) != np.asarray(before["image"])).any(-1)
    assert changed.any()
    # The box's rows 8..24 and columns 10..30, both included, as in the published code.
    changed[8:25, 10:31] = False
    assert not changed.any()
    np.testing.assert_array_equal(after["boxes"], before["boxes"])


def test_cutout_in_a_box_is_centred_inside_of_it():
    """Level 10 of a 16 x 20 box (17 x 21 pixels): half sizes 6 and 7, all 128."""
    before = plain(np.zeros([60, 80, 3]), [[20, 30, 36, 50]])
    after = autoaugment_image._apply(before, seed(), "BBox_Cutout", 1.0, 10)
    box = white_box(after["image"])
    np.testing.assert_array_equal(box[2:] - box[:2], [12, 14])
    center = (box[:2] + box[2:]) / 2
    assert (center >= [20, 30]).all() and (center <= [37, 51]).all()


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_policy(name):
    """Every sub-policy of every policy runs and keeps the sample consistent."""
    for sub_policy in POLICIES[name]:
        for before in (sample(), sample(boxes=[])):
            after = {**before, "image": pixels.whole(before["image"])}
            for operation, _, level in sub_policy:
                after = autoaugment_image._apply(after, seed(3), operation, 1.0, level)
            assert after.keys() == before.keys()
            assert_consistent(after)


def test_seed_decides():
    """The same seed, the same result; other seeds, other results."""
    augment = AutoAugmentImage(policy_name="test")
    wide = sample(size=(40, 160))
    assert_equal(augment(wide, seed(1)), augment(wide, seed(1)))
    others = [np.asarray(augment(wide, seed(n))["image"]) for n in range(6)]
    assert len({other.tobytes() for other in others}) == 2  # to the left, to the right


def test_unknown_policy():
    with pytest.raises(ValueError, match="policy_name is v9"):
        AutoAugmentImage(policy_name="v9")
