"""Lists of stages: what each sets, what it leaves, and their order."""

from types import SimpleNamespace

import pytest

from od_api.core.errors import ConfigError
from od_api.detectors.stage_fields import listed_stages, refuse_falling_iou
from od_api.protos import faster_rcnn_pb2


def test_no_list_is_one_stage_of_the_old_fields():
    (fields,) = listed_stages(faster_rcnn_pb2.FasterRcnn(), "region_stages")
    assert fields.loss_weight == 1.0
    assert fields.build("box_coder", lambda: "old") == "old"
    assert fields.where("box_coder", "box_coder")[0] == "box_coder"


def test_each_stage_sets_its_own():
    message = faster_rcnn_pb2.FasterRcnn()
    message.region_stages.add(loss_weight=0.5)
    second = message.region_stages.add()
    second.box_coder.faster_rcnn_box_coder.y_scale = 20
    one, two = listed_stages(message, "region_stages")
    assert (one.loss_weight, two.loss_weight) == (0.5, 1.0)
    assert one.build("box_coder", lambda: "old") == "old"
    assert two.build("box_coder", lambda: "old").scales[0] == 20
    assert two.where("box_coder", "x")[0] == "region_stages[1].box_coder"
    assert [place for place, _ in two.objectives("second_stage_objective")] == [
        "second_stage_objective",
        "region_stages[1].objective",
    ]


def test_errors_name_the_stage():
    message = faster_rcnn_pb2.FasterRcnn()
    message.region_stages.add(loss_weight=1)
    stage = message.region_stages.add()
    stage.box_coder.faster_rcnn_box_coder.y_scale = -1
    _, fields = listed_stages(message, "region_stages")
    with pytest.raises(ConfigError) as error:
        fields.build("box_coder", None)
    assert error.value.field_path == (
        "region_stages[1].box_coder.faster_rcnn_box_coder.y_scale"
    )
    message.first_stages.add()
    with pytest.raises(ConfigError, match="is empty") as error:
        listed_stages(message, "first_stages")
    assert error.value.field_path == "first_stages[0]"


def stages(*thresholds):
    return [
        SimpleNamespace(
            objective=SimpleNamespace(
                assigner=SimpleNamespace(
                    **{} if t is None else {"matched_threshold": t}
                )
            )
        )
        for t in thresholds
    ]


@pytest.mark.parametrize("good", [(0.5,), (0.5, 0.5), (0.5, 0.6, 0.7), (0.7, None)])
def test_rising_ious(good):
    refuse_falling_iou(None, stages(*good))


def test_falling_ious():
    with pytest.raises(ConfigError, match="and the stage before for"):
        refuse_falling_iou(None, stages(0.5, 0.6, 0.5))
