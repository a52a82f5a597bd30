"""Names of detectors, and what is said of them."""

import pytest

from od_api.core.errors import UserError
from od_api.init.detector_choices import DEFAULT, choices, chosen, input_size, model_of


def test_names_are_short_and_the_default_is_one():
    names = list(choices())
    assert DEFAULT in names
    assert {"ssd_mobilenet_v1_300", "faster_rcnn_resnet101_600x1024"} <= set(names)
    assert not any("coco" in name or "cornernet" in name for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "ssd_mobilenet_v1_300",
        "ssd_mobilenet_v1_300x300_coco",
        "configs/ssd/ssd_mobilenet_v1_300x300_coco.config",
    ],
)
def test_names_of_shipped_configs_are_understood(name):
    assert chosen(name).name == "ssd_mobilenet_v1_300"


def test_a_name_that_is_none_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="did you mean ssd_mobilenet_v2_fpnlite_320"):
        chosen("ssd_mobilenet_v2_fpnlite")


def test_published_scores_are_those_of_the_files():
    assert choices()["ssd_mobilenet_v1_300"].published() == 19.3
    assert choices()["ssd_vgg16_300"].published() is None


def test_input_sizes_follow_the_resizer():
    ssd = model_of(chosen("ssd_mobilenet_v1_300").config())
    assert input_size(ssd, (480, 640)) == (300, 300)
    two = model_of(chosen("faster_rcnn_resnet101_600x1024").config())
    assert input_size(two, (480, 640)) == (600, 800)
    assert input_size(two, (300, 1200)) == (256, 1024)
