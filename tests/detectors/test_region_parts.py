"""What reads regions: operators by their message, one for all stages or one each."""

import pytest
import two_stage_kit as kit

from od_api.core.errors import ConfigError


def test_unset_is_the_old_api():
    regions = kit.detector("faster_rcnn").region_stages[0].regions
    assert type(regions.operator).__name__ == "CropAndResize"
    assert not regions.operator.is_static


@pytest.mark.parametrize("model", ["faster_rcnn", "faster_rcnn_fpn", "rfcn"])
def test_another_operator(model):
    """Of the same seeds: other losses, with gradients, and static forms of its own."""
    detector = kit.detector(model, "region_operator { roi_align { aligned: false } }")
    regions = detector.region_stages[0].regions
    assert type(regions.operator).__name__ == "RoiAlign"
    _, gradients = kit.training_losses(detector, kit.targets())
    assert all(g is not None for g in gradients.values())
    assert detector.static().region_stages[0].regions.operator.is_static
    assert not regions.operator.is_static


def test_static_form_gives_the_losses_of_the_native_one():
    detector = kit.detector("faster_rcnn_fpn", "region_operator { roi_align {} }")
    truth = kit.targets()
    native, _ = kit.training_losses(detector, truth)
    static, _ = kit.training_losses(detector.static(), truth)
    for name, value in native.items():
        assert float(static[name]) == pytest.approx(float(value), rel=1e-4)


def test_old_field_asks_for_the_static_form():
    detector = kit.detector("faster_rcnn", "use_matmul_crop_and_resize: true")
    assert detector.region_stages[0].regions.operator.is_static


def test_stages_share_an_operator_or_have_their_own():
    detector = kit.detector("cascade_rcnn", "region_operator { roi_max_pool {} }")
    one, two, three = (stage.regions.operator for stage in detector.region_stages)
    assert one is two is three
    detector = kit.detector(
        "faster_rcnn_fpn",
        """region_stages { loss_weight: 1 }
        region_stages { region_operator { roi_align {} } }""",
    )
    kinds = [type(s.regions.operator).__name__ for s in detector.region_stages]
    assert kinds == ["CropAndResize", "RoiAlign"]


def test_an_operator_with_weights_is_a_part():
    """One for all stages, of either form, below the key of checkpoints."""
    edit = "region_operator { soft_levels { depth: 8 } }"
    for more in ("", " use_matmul_crop_and_resize: true"):
        detector = kit.detector("cascade_rcnn", edit + more)
        layers = [stage.regions.operator.layer for stage in detector.region_stages]
        assert layers[0] is layers[1] is layers[2] is detector.parts["region_operator"]
        assert "region_operator_2" not in detector.parts
        static = detector.static().region_stages[0].regions.operator
        assert static.layer is layers[0]
    edit = f"region_stages {{ loss_weight: 1 }} region_stages {{ {edit} }}"
    detector = kit.detector("faster_rcnn_fpn", edit)
    assert "region_operator" not in detector.parts
    assert detector.parts["region_operator_2"].count_params() > 0
    _, gradients = kit.training_losses(detector, kit.targets())
    assert all(g is not None for g in gradients.values())


@pytest.mark.parametrize(
    ("model", "edit", "place", "says"),
    [
        ("faster_rcnn", "region_operator {}", "region_operator", "is empty"),
        (
            "faster_rcnn",
            "region_operator { roi_align { sampling_ratio: 0 } }",
            "region_operator.roi_align.sampling_ratio",
            "0",
        ),
        (
            "faster_rcnn",
            "region_operator { roi_align { level_rule {} } }",
            "region_operator.roi_align.level_rule",
            "is empty",
        ),
        ("rpn", "region_operator { roi_align {} }", "region_operator", "no regions"),
        (
            "rfcn",
            "region_operator { soft_levels {} }",
            "region_operator",
            "position-sensitive",
        ),
        (
            "faster_rcnn",
            "region_stages { region_operator {} }",
            "region_stages[0].region_operator",
            "is empty",
        ),
    ],
)
def test_refusals(model, edit, place, says):
    with pytest.raises(ConfigError, match=says) as caught:
        kit.detector(model, edit)
    assert caught.value.field_path == f"model.faster_rcnn.{place}"
