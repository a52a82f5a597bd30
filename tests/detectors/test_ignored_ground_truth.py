"""Ignored ground truth teaches nothing, in every meta-architecture."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_compositions
from detector_kit import DETECTORS, make_detector
from google.protobuf import text_format
from kit import SEED

from od_api.core.registry import build_field
from od_api.core.types import Targets
from od_api.protos import pipeline_pb2

RESIZER = "fixed_shape_resizer { height: 128 width: 128 }"
COMPOSITIONS = ["fcos", "free_anchor", "libra"]
# Two objects in the left half and a crowd, the right half; and a crowd alone.
BOXES = [[[8, 8, 40, 40], [60, 10, 100, 45], [0, 64, 128, 128]], [[0, 0, 128, 128]] * 3]
IGNORED = np.array([[False, False, True], [True, False, False]])
VALID = np.array([[True] * 3, [True, False, False]])


def detector(name):
    if name in COMPOSITIONS:
        config = pipeline_pb2.TrainEvalPipelineConfig()
        text_format.Parse(tiny_compositions.MODELS[name], config)
        return build_field(config, "model")
    return make_detector(name, RESIZER)


def ground_truth(ignored=IGNORED):
    masks = np.zeros([2, 3, 128, 128], np.uint8)
    masks[0, 0, 8:40, 8:40] = masks[0, 1, 60:100, 10:45] = masks[:, 2] = 1
    return Targets(
        boxes=tf.constant(BOXES, tf.float32) * VALID[..., None],
        classes=tf.constant([[0, 1, 2], [2, 0, 0]]),
        weights=tf.constant(VALID, tf.float32),
        valid=tf.constant(VALID),
        true_shapes=tf.fill([2, 2], 128),
        masks=tf.constant(masks),
        ignored=None if ignored is None else tf.constant(ignored),
    ).with_longest()


def in_crowds(priors):
    """[2, A] bool by loops over coordinates: more than half inside, or the point is."""
    boxes = np.broadcast_to(priors.boxes, (2, *priors.boxes.shape[-2:]))
    found = np.zeros(boxes.shape[:2], bool)
    for image, crowd in enumerate([BOXES[0][2], BOXES[1][0]]):
        for i, (ymin, xmin, ymax, xmax) in enumerate(boxes[image]):
            height = max(min(ymax, crowd[2]) - max(ymin, crowd[0]), 0)
            width = max(min(xmax, crowd[3]) - max(xmin, crowd[1]), 0)
            area = (ymax - ymin) * (xmax - xmin)
            inside = crowd[0] < ymin < crowd[2] and crowd[1] < xmin < crowd[3]
            found[image, i] = height * width > area / 2 if area else inside
    return found


def gradients(losses, predictions, truth):
    """Of a stage's losses: {what: [2, A, ...]}."""
    given = {
        "class_logits": predictions.class_logits,
        "box_codes": predictions.box_codes,
        **predictions.columns,
    }
    with tf.GradientTape() as tape:
        tape.watch(given)
        columns = {name: given[name] for name in predictions.columns}
        changed = predictions._replace(
            class_logits=given["class_logits"],
            box_codes=given["box_codes"],
            columns=columns,
        )
        total = tf.add_n(list(losses(changed, truth, SEED).values()))
    found = tape.gradient(total, given)
    return {name: tf.convert_to_tensor(g).numpy() for name, g in found.items()}


def call(model, truth):
    images = 255 * tf.random.stateless_uniform([2, 128, 128, 3], SEED)
    return model.call(images, truth.true_shapes, True, truth, SEED)


def stages_of(model, predictions):
    if hasattr(model, "stage"):
        return [(model.stage, predictions)]
    stages = [*model.first_stages, *model.region_stages]
    return list(zip(stages, [*predictions.first, *predictions.regions], strict=True))


# Keypoints have no priors: objectives/test_corner_objective.py.
WITH_PRIORS = [name for name in [*DETECTORS, *COMPOSITIONS] if name != "corners"]


@pytest.mark.parametrize("name", WITH_PRIORS)
def test_priors_in_crowds_have_gradients_of_exactly_0(name):
    """And not so where crowds are trained; elsewhere something is learned."""
    model = detector(name)
    truth, trained = ground_truth(), ground_truth(None)
    predictions = call(model, trained)
    learned = set()
    for stage, found in stages_of(model, predictions):
        crowd = in_crowds(found.priors)
        crowd &= np.broadcast_to(found.priors.valid, crowd.shape)
        assert crowd.any() and not crowd[0].all()
        as_objects = gradients(stage.losses, found, trained)
        assert as_objects["class_logits"][crowd].any()
        assert as_objects["box_codes"][crowd].any()
        for what, gradient in gradients(stage.losses, found, truth).items():
            assert np.isfinite(gradient).all()
            assert not gradient[crowd].any(), what
            learned |= {what} if gradient[~crowd].any() else set()
    assert {"class_logits", "box_codes"} <= learned
    assert name != "fcos" or "centerness" in learned
    none = ground_truth(np.zeros_like(IGNORED))
    for loss, value in model.losses(predictions, none, SEED).items():
        assert value == model.losses(predictions, trained, SEED)[loss]


def test_masks_in_crowds_have_gradients_of_exactly_0():
    model = detector("mask_rcnn")
    predictions = call(model, ground_truth(None))

    def gradient(truth):
        with tf.GradientTape() as tape:
            tape.watch(predictions.mask_logits)
            losses = model.losses(predictions, truth, SEED)
        found = tape.gradient(
            losses["BoxClassifierLoss/mask_loss"], predictions.mask_logits
        )
        return found.numpy().reshape([*crowd.shape, -1])

    crowd = in_crowds(predictions.regions[-1].priors)
    assert gradient(ground_truth(None))[crowd].any()
    of_objects = gradient(ground_truth())
    assert of_objects[~crowd].any() and not of_objects[crowd].any()


@pytest.mark.parametrize("name", ["faster_rcnn", "cascade_rcnn", "libra"])
def test_no_proposal_in_a_crowd_is_drawn(name):
    """Nor is the crowd's box added to the proposals; objects' boxes are."""
    proposals = call(detector(name), ground_truth()).proposals
    trained = call(detector(name), ground_truth(None)).proposals
    for found, wanted in ((proposals, False), (trained, True)):
        drawn = tf.sequence_mask(found.count, found.boxes.shape[1]).numpy()
        assert (in_crowds(found) & drawn).any() == wanted
    assert proposals.count[0] > 0 and proposals.count[1] == 0
    assert (proposals.boxes[0].numpy() == BOXES[0][0]).all(axis=-1).any()
