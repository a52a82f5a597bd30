import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.postprocess.batch_non_max_suppression import BatchNonMaxSuppression
from od_api.postprocess.post_processing import PostProcessing
from od_api.protos import post_processing_pb2


def part(text, **context):
    message = text_format.Parse(text, post_processing_pb2.PostProcessing())
    return build(message, **context)


LOGITS = np.array([[[0.0, 2.0]]], np.float16)


@pytest.mark.parametrize(
    "text, scores",
    [
        ("", [0, 2]),
        ("score_converter: SIGMOID", [0.5, 0.880797]),
        ("score_converter: SOFTMAX", [0.119203, 0.880797]),
        ("score_converter: SIGMOID logit_scale: 2", [0.5, 0.731059]),
    ],
)
def test_converters(text, scores):
    """sigmoid(2) = 1/(1+e^-2) = .880797; softmax of two is the sigmoid of their
    difference; a logit_scale of 2 leaves sigmoid(1) = .731059."""
    found = part(text).convert(LOGITS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0], scores, atol=1e-6)


def test_select_is_the_suppression_of_the_config():
    """The second box equals the first one and falls."""
    boxes = np.float32([[[0, 0, 9, 9], [0, 0, 9, 9], [20, 20, 30, 30]]])
    scores = np.float32([[[0.9], [0.8], [0.7]]])
    found = part("batch_non_max_suppression { iou_threshold: .5 }").select(
        boxes, scores, np.float32([[0, 0, 25, 25]])
    )
    assert int(found.count[0]) == 2
    np.testing.assert_array_equal(found.boxes[0, 1], [20, 20, 25, 25])


def test_a_threshold_of_probabilities_is_one():
    limit = "batch_non_max_suppression { score_threshold: 7 }"
    with pytest.raises(ConfigError) as error:
        part(f"score_converter: SIGMOID {limit}")
    assert error.value.field_path == "batch_non_max_suppression.score_threshold"
    part(f"score_converter: IDENTITY {limit}")


def test_a_suppression_stands_in_the_place_of_the_thresholds():
    """IoU of [0,0,2,1] and [0,0,1,1] is exactly 1/2, which removes if inclusive."""
    nms = "batch_non_max_suppression { score_threshold: .1 }"
    greedy = "suppression { greedy_nms { iou_threshold: .5 inclusive: true } }"
    boxes = np.float32([[[0, 0, 2, 1], [0, 0, 1, 1]]])
    found = part(f"{nms} {greedy}").select(boxes, np.float32([[[0.9], [0.8]]]))
    assert int(found.count[0]) == 1


@pytest.mark.parametrize(
    "setting", ["iou_threshold: .5", "soft_nms_sigma: .5", "use_hard_nms: true"]
)
def test_thresholds_given_twice_are_refused(setting):
    suppression = "suppression { greedy_nms {} }"
    with pytest.raises(ConfigError, match="and so is suppression") as error:
        part(f"{suppression} batch_non_max_suppression {{ {setting} }}")
    field = setting.split(":")[0]
    assert error.value.field_path == f"batch_non_max_suppression.{field}"
    part(f"{suppression} batch_non_max_suppression {{ use_hard_nms: false }}")


class _Reads:
    columns = ("density", "level")


class _Density:
    name = "density"

    def score(self, values):
        return values / 2.0


def test_a_suppression_reads_columns_of_the_model_alone():
    selection = BatchNonMaxSuppression(suppression=_Reads())
    with pytest.raises(ConfigError, match="'density', which this model has not"):
        PostProcessing(batch_non_max_suppression=selection, columns=())
    post = PostProcessing(batch_non_max_suppression=selection, columns=[_Density()])
    given = {"density": 4.0, "level": 3.0, "other": 1.0}
    read = []
    selection.select = lambda *inputs: read.append(inputs[-1])
    post.select(None, None, None, given)
    assert read == [{"density": 2.0, "level": 3.0}]


def test_refuses_a_scale_of_zero():
    with pytest.raises(ConfigError, match="logit_scale"):
        part("logit_scale: 0")


def test_an_empty_calibrator_is_named():
    with pytest.raises(ConfigError, match=r"calibration_config.*empty"):
        part("calibration_config {}")
