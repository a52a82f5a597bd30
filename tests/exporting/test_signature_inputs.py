"""Arguments of exported signatures."""

import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.exporting.signature_inputs import SignatureInputs


def test_shape_is_that_of_the_old_flag():
    """-1 is any number, as in export_inference_graph.py."""
    inputs = SignatureInputs(input_shape=["2", "-1", "48", "3"], input_name="inputs")
    (spec,) = inputs.specs
    assert spec.name == "inputs" and spec.shape.as_list() == [2, None, 48, 3]
    assert inputs.size_for(30, 40) == (30, 48)
    (image,) = inputs.example(np.full([30, 48, 3], 7, np.uint8)).values()
    assert image.shape == (2, 30, 48, 3) and np.all(image == 7)


def test_boxes_stand_beside_the_images():
    inputs = SignatureInputs("image_and_boxes_tensor")
    assert [spec.name for spec in inputs.specs] == ["input_tensor", "boxes"]
    assert inputs.specs[1].shape.as_list() == [None, None, 4]
    request = inputs.example(np.zeros([6, 8, 3], np.uint8))
    assert request["boxes"].shape == (1, 2, 4)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (
            {"input_type": "image_tensr"},
            "type 'image_tensr'.*did you mean image_tensor",
        ),
        ({"input_name": "input"}, "input name 'input'.*did you mean inputs"),
        ({"input_shape": [1, 300, 300]}, "input shape 1,300,300: .*1,-1,-1,3"),
        ({"input_shape": [1, 300, 300, 1]}, "3 channels"),
        ({"input_shape": [1, 0, 300, 3]}, "-1 where any number"),
        ({"input_shape": ["a", 300, 300, 3]}, "input shape a,300"),
        (
            {"input_type": "tf_example", "input_shape": [1, 9, 9, 3]},
            "tf_example holds files",
        ),
    ],
)
def test_refuses(settings, match):
    with pytest.raises(UserError, match=match):
        SignatureInputs(**settings)
