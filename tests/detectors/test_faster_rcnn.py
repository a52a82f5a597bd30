"""Faster R-CNN and R-FCN as a whole: losses, detections, what moves and what not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_two_stage
import two_stage_kit as kit

from od_api.core.errors import ConfigError, UserError
from od_api.detectors.given_boxes import GivenBoxes
from od_api.layers.engine_operators import engine_operators

BOX_LOSS = "BoxClassifierLoss/localization_loss"
RPN = {"RPNLoss/localization_loss", "RPNLoss/objectness_loss"}
REGIONS = {BOX_LOSS, "BoxClassifierLoss/classification_loss"}
EXPECTED = {
    "rpn": RPN,
    "faster_rcnn": RPN | REGIONS,
    "faster_rcnn_fpn": RPN | REGIONS,
    "rfcn": RPN | REGIONS,
    "cascade_rcnn": RPN
    | REGIONS
    | {name.replace("/", f"_{i}/") for name in REGIONS for i in (2, 3)},
    "mask_rcnn": RPN | REGIONS | {"BoxClassifierLoss/mask_loss"},
}


@pytest.mark.parametrize("name", tiny_two_stage.MODELS)
def test_losses_and_gradients_are_finite_and_reach_every_weight(name):
    model = kit.detector(name)
    losses, gradients = kit.training_losses(model, kit.targets(masks=True))
    assert set(losses) == EXPECTED[name]
    for value in losses.values():
        assert np.isfinite(value) and value > 0
    for path, gradient in gradients.items():
        assert gradient is not None, path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), path


@pytest.mark.parametrize("name", ["faster_rcnn", "rfcn", "mask_rcnn"])
@pytest.mark.parametrize("boxes_each", [0, 1])
def test_image_without_ground_truth_has_finite_losses(name, boxes_each):
    truth = kit.targets(boxes_each=3, masks=True)
    none = tf.zeros_like(truth.weights)
    if boxes_each == 0:
        truth = truth._replace(
            boxes=tf.zeros_like(truth.boxes),
            weights=none,
            valid=tf.zeros_like(truth.valid),
        )
    losses, gradients = kit.training_losses(kit.detector(name), truth)
    assert all(np.isfinite(v) for v in losses.values())
    for path, gradient in gradients.items():
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), path
    if boxes_each == 0:
        assert losses[BOX_LOSS] == 0


@pytest.mark.parametrize("name", tiny_two_stage.MODELS)
def test_detections_lie_in_the_image_and_masks_go_with_them(name):
    model = kit.detector(name)
    shapes = tf.constant([[128, 128], [64, 96]])
    found = model.detect(model.call(kit.images(), shapes))
    assert found.boxes.shape[0] == 2
    assert (found.boxes >= 0).numpy().all()
    for i, (height, width) in enumerate(shapes.numpy()):
        assert found.boxes[i, :, 2].numpy().max() <= height
        assert found.boxes[i, :, 3].numpy().max() <= width
    if name == "mask_rcnn":
        assert found.masks.shape == (2, 20, 15, 15)
        assert 0 <= found.masks.numpy().min() <= found.masks.numpy().max() <= 1
    else:
        assert found.masks is None
    assert found.classes.numpy().max() <= (0 if name == "rpn" else 4)


def values_outside(detector, *further):
    """What samples outside of the maps are, of each crop of an engine's graph."""

    def found(images, shapes):
        with engine_operators():
            return detector.detect(detector.call(images, shapes, *further)).scores

    graph = tf.function(found).get_concrete_function(
        kit.images(), tf.constant([[128, 128], [64, 96]])
    )
    operations = graph.graph.get_operations()
    crops = [one for one in operations if one.type == "CropAndResize"]
    return [one.get_attr("extrapolation_value") for one in crops]


@pytest.mark.parametrize("name", ["faster_rcnn_fpn", "cascade_rcnn", "mask_rcnn"])
def test_engines_learn_that_boxes_lie_in_the_image(name):
    """Proposals, the boxes of further stages and those of masks do."""
    values = values_outside(kit.detector(name).static())
    assert values and np.isnan(values).all()


def test_engines_learn_that_given_boxes_may_lie_anywhere():
    detector = GivenBoxes(kit.detector("mask_rcnn").static())
    boxes = tf.constant([[[-9.0, 0, 200, 50]]] * 2)
    assert values_outside(detector, boxes) == [0.0, 0.0]


def test_gradients_do_not_reach_the_proposals():
    """The second stage moves the first one's head by no way: boxes are stopped."""
    model = kit.detector("faster_rcnn")
    truth = kit.targets()
    head = [v.value for v in model.first_stages[0].head.trainable_weights]
    with tf.GradientTape() as tape:
        predictions = model.call(
            kit.images(), truth.true_shapes, training=True, targets=truth, seed=kit.SEED
        )
        losses = model.losses(predictions, truth, kit.SEED)
        second = tf.add_n([losses[name] for name in REGIONS])
    assert all(g is None for g in tape.gradient(second, head))


@pytest.mark.parametrize("name", ["faster_rcnn", "rfcn"])
def test_fewer_proposals_at_inference_are_the_best_of_the_many(name):
    """Only the second stage's batch changes, and what it says of each box does not."""
    model = kit.detector(name)
    shapes = kit.targets().true_shapes
    many = model.call(kit.images(), shapes)
    few = model.call(kit.images(), shapes, num_proposals=7)
    assert many.proposals.boxes.shape == (2, 32, 4)
    assert few.proposals.boxes.shape == (2, 7, 4)
    np.testing.assert_array_equal(few.proposals.boxes, many.proposals.boxes[:, :7])
    np.testing.assert_allclose(
        few.regions[0].class_logits, many.regions[0].class_logits[:, :7], atol=1e-5
    )
    assert (few.proposals.count <= 7).numpy().all()


@pytest.mark.parametrize("hard", [1, 5, 32])
def test_hard_examples_alone_have_a_gradient(hard):
    """OHEM back-propagates so many proposals, or all where there are fewer."""
    model = kit.detector(
        "rfcn",
        f"hard_example_miner {{ num_hard_examples: {hard} iou_threshold: 1.0 }}",
    )
    truth = kit.targets()
    predictions = model.call(
        kit.images(), truth.true_shapes, training=True, targets=truth, seed=kit.SEED
    )
    assert predictions.proposals.boxes.shape[1] == 32, "a miner sees all proposals"
    (found,) = predictions.regions
    logits = found.class_logits
    with tf.GradientTape() as tape:
        tape.watch(logits)
        regions = (found._replace(class_logits=logits),)
        losses = model.losses(predictions._replace(regions=regions), truth, kit.SEED)
        total = losses["BoxClassifierLoss/classification_loss"]
    moved = tf.reduce_any(tape.gradient(total, logits) != 0, axis=-1)
    expected = np.minimum(hard, predictions.proposals.count)
    np.testing.assert_array_equal(tf.reduce_sum(tf.cast(moved, tf.int32), 1), expected)


def test_second_stage_loss_is_divided_by_the_number_of_proposals():
    """With all logits 0, softmax cross entropy is log 6 for each of the proposals.

    Averaged over the proposals of an image, and over the images, it is log 6.
    """
    model = kit.detector("faster_rcnn")
    truth = kit.targets()
    predictions = model.call(
        kit.images(), truth.true_shapes, training=True, targets=truth, seed=kit.SEED
    )
    (found,) = predictions.regions
    zero = found._replace(class_logits=tf.zeros_like(found.class_logits))
    losses = model.losses(predictions._replace(regions=(zero,)), truth, kit.SEED)
    np.testing.assert_allclose(
        losses["BoxClassifierLoss/classification_loss"], np.log(6), rtol=1e-5
    )


def test_frozen_batch_norm_and_the_rest():
    """The study's setting: batch norm of the extractor keeps everything."""
    model = kit.detector(
        "faster_rcnn",
        "feature_extractor { backbone { mobilenet_v1 { freeze_batch_norm: true } } }",
    )
    before = {v.path: v.numpy() for v in model.parts["backbone"].weights}
    _, gradients = kit.training_losses(model, kit.targets())
    assert not [path for path in gradients if "_bn" in path]
    for variable in model.parts["backbone"].weights:
        np.testing.assert_array_equal(variable, before[variable.path])


def test_more_to_sample_than_there_is():
    model = kit.detector(
        "faster_rcnn",
        "second_stage_batch_size: 33 add_ground_truth_to_proposals: false",
    )
    with pytest.raises(UserError, match="only 32 proposals"):
        kit.training_losses(model, kit.targets())


def test_masks_without_ground_truth_masks_say_what_to_set():
    with pytest.raises(UserError, match="load_instance_masks"):
        kit.training_losses(kit.detector("mask_rcnn"), kit.targets())


@pytest.mark.parametrize(
    "name, edit, message",
    [
        ("faster_rcnn", "number_of_stages: 4", "1 is proposals alone"),
        ("faster_rcnn", "number_of_stages: 3", "predict_instance_masks"),
        ("faster_rcnn", "initial_crop_size: 0", "initial_crop_size"),
        ("faster_rcnn", "output_final_box_features: true", "does not offer"),
        ("faster_rcnn", "num_classes: 0", "num_classes: is 0; it must be in 1"),
    ],
)
def test_what_cannot_be_is_said(name, edit, message):
    with pytest.raises(ConfigError, match=message):
        kit.detector(name, edit)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mask_rcnn", "rfcn", "cascade_rcnn"])
def test_xla_compiles_the_training_step_with_the_same_losses(name):
    """Seeded: where two proposals all but tie, rounding would choose another one.

    Mask R-CNN is Faster R-CNN with one head more. Region operators are static in the
    step.
    """
    keras.utils.set_random_seed(1)
    plain = kit.detector(name)
    static = kit.detector(name, "use_static_shapes: true").static()
    kit.copy_weights(plain, static)
    truth = kit.targets(masks=True)
    expected, _ = kit.training_losses(plain, truth)
    losses, _ = kit.training_losses(static, truth, jit_compile=True)
    for key, value in expected.items():
        np.testing.assert_allclose(losses[key], value, rtol=1e-4, err_msg=key)


def test_only_the_second_stage_learns_several_classes_of_a_box():
    """To the first stage all objects are of one class, whatever they are called."""
    model = kit.detector("faster_rcnn")
    truth = kit.targets()
    plain, _ = kit.training_losses(model, truth)
    called = tf.fill([*truth.classes.shape, model.num_classes], 0.5)
    soft, _ = kit.training_losses(model, truth._replace(class_scores=called))
    assert model.takes_class_scores
    differ = {name for name in plain if plain[name] != soft[name]}
    assert differ == {"BoxClassifierLoss/classification_loss"}
