"""AutoAugmentImage: inside of boxes, seeds, names of policies."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import (
    assert_equal,
    plain,
    sample,
    seed,
    white_box,
)
from google.protobuf import text_format

from od_api.augment import _autoaugment_pixels as pixels
from od_api.augment import autoaugment_image
from od_api.augment.autoaugment_image import AutoAugmentImage
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import preprocessor_pb2


@pytest.mark.parametrize("name", sorted(autoaugment_image._INSIDE_BOXES))
def test_operation_inside_boxes_leaves_the_rest(name):
    """With certainty for each box, every pixel outside of the box stays."""
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    before["image"] = pixels.whole(before["image"])
    after = AutoAugmentImage(box_probability=1.0)._apply(before, seed(), name, 1.0, 4)
    changed = (np.asarray(after["image"]) != np.asarray(before["image"])).any(-1)
    assert changed.any()
    # The box's rows 8..24 and columns 10..30, both included, as in the published code.
    changed[8:25, 10:31] = False
    assert not changed.any()
    np.testing.assert_array_equal(after["boxes"], before["boxes"])


def test_cutout_in_a_box_is_centred_inside_of_it():
    """Level 10 of a 16 x 20 box (17 x 21 pixels): half sizes 6 and 7, all 128."""
    before = plain(np.zeros([60, 80, 3]), [[20, 30, 36, 50]])
    after = AutoAugmentImage()._apply(before, seed(), "BBox_Cutout", 1.0, 10)
    box = white_box(after["image"])
    np.testing.assert_array_equal(box[2:] - box[:2], [12, 14])
    center = (box[:2] + box[2:]) / 2
    assert (center >= [20, 30]).all() and (center <= [37, 51]).all()


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


# As the paper's survey prints it, every name in the published code's words.
PRINTED = """
sub_policies {
  operations { name: "Color" probability: 0.2 level: 8 }
  operations { name: "Rotate_BBox" probability: 0.8 level: 10 }
}
sub_policies { operations { name: "ShearY_Only_BBoxes" probability: 0.8 level: 5 } }
sub_policies {
  operations { name: "SolarizeAdd" probability: 0.6 level: 8 }
  operations { name: "Brightness" probability: 0.8 level: 10 }
}
sub_policies {
  operations { name: "ShearY_BBox" probability: 0.6 level: 10 }
  operations { name: "Equalize_Only_BBoxes" probability: 0.6 level: 8 }
}
sub_policies {
  operations { name: "Equalize" probability: 0.6 level: 10 }
  operations { name: "TranslateX_BBox" probability: 0.2 level: 2 }
}
max_translation: 150
box_probability: 1
"""


def built(text):
    return build(text_format.Parse(text, preprocessor_pb2.AutoAugmentImage()))


def test_policy_of_one_s_own():
    """Of five sub-policies one is drawn; all leave a consistent sample."""
    augment = built(PRINTED)
    assert len(augment._policy) == 5
    name, probability, level = augment._policy[1][0]
    assert (name, level) == ("ShearY_Only_BBoxes", 5)
    assert probability == pytest.approx(0.8)
    images = {
        np.asarray(augment(sample(), seed(n))["image"]).tobytes() for n in range(8)
    }
    assert len(images) > 2


@pytest.mark.parametrize(
    "settings, pixels_moved", [("", 50), ("max_translation: 150", 30)]
)
def test_translation_in_pixels(settings, pixels_moved):
    """Level 2 of 250 and of 150 pixels."""
    augment = built(
        "sub_policies { operations { name: 'TranslateX_BBox' level: 2 } }" + settings
    )
    before = plain(np.zeros([20, 300, 3]), [[5, 100, 15, 200]])
    after = augment(before, seed())
    assert tf.abs(after["boxes"][0, 1] - 100) == pixels_moved


def test_solarize_add_of_level_8():
    """88 more where a pixel is below 128."""
    augment = built("sub_policies { operations { name: 'SolarizeAdd' level: 8 } }")
    image = np.repeat(np.float32([[100, 128, 60, 200]]), 3).reshape(1, 4, 3)
    after = augment(plain(image, np.zeros([0, 4])), seed())["image"]
    np.testing.assert_array_equal(after[0, :, 0], [188, 128, 148, 200])


def test_probability_0_changes_nothing():
    augment = built(
        "sub_policies { operations { name: 'Rotate_BBox' probability: 0 } }"
    )
    before = sample()
    before["image"] = pixels.whole(before["image"])
    assert_equal(augment(before, seed()), before)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sub_policies {}", r"sub_policies\[0\]: has no operations"),
        (
            "sub_policies { operations { name: 'Rotate' } }",
            r"operations\[0\]\.name: is 'Rotate'; there is Rotate_BBox",
        ),
        (
            "sub_policies { operations { name: 'Color' level: 11 } }",
            r"operations\[0\]\.level: is 11",
        ),
        (
            "sub_policies { operations { name: 'Color' probability: 2 } }",
            r"operations\[0\]\.probability: is 2",
        ),
        ("max_translation: 0", "max_translation: is 0"),
        (
            "policy_name: 'v1' sub_policies { operations { name: 'Color' } }",
            "policy_name: is set, and so are sub_policies",
        ),
    ],
)
def test_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        built(text)
