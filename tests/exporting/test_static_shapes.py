"""Suppressions and region operators of a config in their static forms."""

import pytest
from google.protobuf import text_format

from od_api.exporting.static_shapes import with_static_shapes
from od_api.protos import pipeline_pb2

POST = "post_processing { batch_non_max_suppression { score_threshold: .1 } }"


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (f"ssd {{ {POST} }}", "post_processing"),
        ("ssd { post_processing {} }", "post_processing"),
        (f"faster_rcnn {{ second_stage_{POST} }}", "second_stage_post_processing"),
    ],
)
def test_the_copy_is_static_and_nothing_else(model, field):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(f"model {{ {model} }}", config)
    before = config.SerializeToString()
    made = with_static_shapes(config)
    assert config.SerializeToString() == before
    kind = made.model.WhichOneof("model")
    detector = getattr(made.model, kind)
    nms = getattr(detector, field).batch_non_max_suppression
    assert nms.use_static_shapes
    assert getattr(detector, "use_static_shapes", True)
    nms.ClearField("use_static_shapes")
    if kind == "faster_rcnn":
        assert detector.use_matmul_crop_and_resize
        detector.ClearField("use_static_shapes")
        detector.ClearField("use_matmul_crop_and_resize")
    else:
        text = getattr(config.model, kind)
        text.post_processing.batch_non_max_suppression.SetInParent()
    assert made == config


@pytest.mark.parametrize("given", ["", "suppression { soft_nms {} }"])
def test_a_pyramid_s_own_suppression_is_static_too(given):
    """One that has none keeps none: it takes the model's."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(f"inference {{ image_pyramid {{ {given} }} }}", config)
    made = with_static_shapes(config).inference.image_pyramid
    nms = made.batch_non_max_suppression
    assert nms.use_static_shapes == bool(given)
    assert made.HasField("batch_non_max_suppression") == bool(given)
