"""Stages of regions that follow each other: Cascade R-CNN."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tiny_two_stage
import two_stage_kit as kit

from od_api.core.errors import ConfigError

IOUS = (0.5, 0.6, 0.7)
SCALES = ([10, 10, 5, 5], [20, 20, 10, 10], [30, 30, 15, 15])
WEIGHTS = (1.0, 0.5, 0.25)


def training(model, truth):
    return model.call(
        kit.images(), truth.true_shapes, training=True, targets=truth, seed=kit.SEED
    )


def test_stages_are_those_of_the_paper():
    """IoU .5, .6, .7; codes of (10, 10, 5, 5), twice and three times that."""
    model = kit.detector("cascade_rcnn")
    assert list(model.parts) == [
        *("backbone", "rpn", "neck"),
        *("head", "regions", "head_2", "regions_2", "head_3", "regions_3"),
    ]
    for stage, iou, scales in zip(model.region_stages, IOUS, SCALES, strict=True):
        matcher = stage.objective.assigner
        assert matcher.matched_threshold == pytest.approx(iou)
        assert matcher.unmatched_threshold == pytest.approx(iou)
        assert stage.box_coder.scales == scales
        # What a stage does not set is as in the detector's fields.
        assert stage.objective.loss.num_classes == 5


def test_each_stage_starts_at_the_boxes_of_the_one_before():
    """Clipped to the image, without a gradient, and as many as were sampled."""
    model, truth = kit.detector("cascade_rcnn"), kit.targets()
    regions = training(model, truth).regions
    for before, after in itertools.pairwise(regions):
        assert before.box_codes.shape == (2, 16, 1, 4)
        want = np.clip(before.boxes[:, :, 0], 0, kit.SIZE)
        np.testing.assert_allclose(after.priors.boxes, want, atol=1e-4)
        np.testing.assert_array_equal(after.priors.valid, before.priors.valid)


def test_each_stage_assigns_anew_and_weighs_its_losses():
    """With logits of 0 all proposals cost log 6, and the stages 1, .5 and .25 of it."""
    model, truth = kit.detector("cascade_rcnn"), kit.targets()
    found = training(model, truth)
    zero = tuple(
        one._replace(class_logits=tf.zeros_like(one.class_logits))
        for one in found.regions
    )
    losses = model.losses(found._replace(regions=zero), truth, kit.SEED)
    for i, weight in enumerate(WEIGHTS):
        name = f"BoxClassifierLoss{['', '_2', '_3'][i]}/classification_loss"
        np.testing.assert_allclose(losses[name], weight * np.log(6), rtol=1e-5)
    # A prior of IoU .65 is positive for the second stage and negative for the third.
    box = tf.constant([[[0.0, 0, 65, 100]]])
    exact = truth._replace(
        boxes=tf.constant([[[0.0, 0, 100, 100]]]),
        classes=tf.constant([[0]]),
        weights=tf.ones([1, 1]),
        valid=tf.ones([1, 1], tf.bool),
    )
    priors = found.regions[0].priors._replace(boxes=box, valid=tf.ones([1, 1], tf.bool))
    labels = [
        int(stage.objective.assign(priors, exact).label[0, 0])
        for stage in model.region_stages
    ]
    assert labels == [1, 1, 0]


def test_scores_are_the_mean_of_all_heads_on_the_last_boxes():
    model = kit.detector("cascade_rcnn")
    found = model.call(kit.images(), kit.targets().true_shapes)
    last = found.regions[-1]
    assert len(found.votes) == 2
    logits = [
        stage.regions(found.features, last.priors.boxes, last.image_shape).class_logits
        for stage in model.region_stages
    ]
    want = np.mean([tf.nn.softmax(one) for one in logits], axis=0)
    np.testing.assert_allclose(model.scores(found), want, atol=1e-5)
    np.testing.assert_allclose(model.decode(found), last.boxes[:, :, 0])


def test_one_stage_in_a_list_is_the_detector_without_one():
    """The same parts, losses and detections as from the old fields."""
    plain = kit.detector("faster_rcnn")
    listed = kit.detector("faster_rcnn", "region_stages { loss_weight: 1 }")
    kit.copy_weights(plain, listed)
    truth = kit.targets()
    expected, _ = kit.training_losses(plain, truth)
    losses, _ = kit.training_losses(listed, truth)
    assert list(losses) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(losses[name], value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("edit", "place", "says"),
    [
        ("region_stages {}", "region_stages[0]", "is empty"),
        (
            tiny_two_stage.CASCADE + "region_stages { loss_weight: 1 }",
            "region_stages[3].objective",
            "asks for an IoU of 0.5, and the stage before for 0.7",
        ),
        (
            "region_stages { box_predictor { convolutional_box_predictor {} } }",
            "region_stages[0].box_predictor.convolutional_box_predictor",
            "for the anchors of model.ssd",
        ),
        (
            "region_stages { objective { free_anchor {} } }",
            "region_stages[0].objective.free_anchor",
            "use it in model.ssd",
        ),
        (
            "region_stages { objective { matched { samplers { balanced_sampler "
            "{ batch_size: 0 } } } } }",
            "region_stages[0].objective.matched.samplers[0].balanced_sampler.batch_size",
            "is 0",
        ),
        (
            "second_stage_objective { matched { matcher { argmax_matcher "
            "{ matched_threshold: 0.2 } } } }",
            "second_stage_objective.matched.matcher.argmax_matcher",
            "unmatched_threshold",
        ),
        ("region_stages { objective {} }", "region_stages[0].objective", "is empty"),
    ],
)
def test_what_cannot_be_says_where(edit, place, says):
    with pytest.raises(ConfigError, match=says) as error:
        kit.detector("faster_rcnn", edit)
    assert error.value.field_path == f"model.faster_rcnn.{place}"
