"""Losses of decoded boxes, in every meta-architecture and in each of its stages."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_compositions
import tiny_two_stage
import two_stage_kit
from google.protobuf import text_format
from kit import SEED

from od_api.core.registry import build_field
from od_api.protos import pipeline_pb2

LOSSES = {
    "ssd": "weighted_ciou",
    "fcos": "weighted_diou",
    "free_anchor": "weighted_ciou",
    "libra": "weighted_giou",
    "cascade_rcnn": "weighted_ciou",
    "cascade_rpn": "weighted_diou",
    "mask_rcnn": "weighted_iou",
    "rfcn": "weighted_ciou",
}
MODELS = {
    **tiny_compositions.MODELS,
    **tiny_two_stage.MODELS,
    "ssd": tiny.CONFIG[: tiny.CONFIG.index("train_config")],
}


def detector(name, loss):
    """A tiny detector all of whose stages have that loss."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(MODELS[name], config)
    kind = "free_anchor" if name == "free_anchor" else "matched"
    objective = f"{kind} {{ localization_loss {{ {loss} {{}} }} }}"
    if config.model.HasField("ssd"):
        text_format.Merge(objective, config.model.ssd.objective)
    else:
        model = config.model.faster_rcnn
        text_format.Merge(objective, model.first_stage_objective)
        text_format.Merge(objective, model.second_stage_objective)
        for stage in [*model.first_stages, *model.region_stages]:
            text_format.Merge(objective, stage.objective)
    return build_field(config, "model")


def stages_of(model, predictions):
    if hasattr(model, "stage"):
        return [(model.stage, predictions)]
    stages = [*model.first_stages, *model.region_stages]
    return list(zip(stages, [*predictions.first, *predictions.regions], strict=True))


def loss_and_gradient(stage, predictions, truth, codes):
    """The localisation loss, or a bag's, with other codes, and its gradient to them."""
    codes = tf.convert_to_tensor(codes)
    with tf.GradientTape() as tape:
        tape.watch(codes)
        losses = stage.losses(predictions._replace(box_codes=codes), truth, SEED)
        (name,) = [n for n in losses if "localization" in n or "positive" in n]
    return losses[name].numpy(), tape.gradient(losses[name], codes).numpy()


@pytest.mark.parametrize("name", LOSSES)
def test_codes_of_the_objects_lose_nothing_and_others_learn(name):
    """A prior that predicts its object's box loses 0, by the stage's coder."""
    model = detector(name, LOSSES[name])
    truth = two_stage_kit.targets(masks=True)
    predictions = model.call(
        two_stage_kit.images(), truth.true_shapes, True, truth, SEED
    )
    for stage, found in stages_of(model, predictions):
        assert "on_boxes" in dir(_loss_of(stage.objective))
        loss, gradient = loss_and_gradient(stage, found, truth, found.box_codes)
        assert loss > 0 and np.isfinite(loss)
        assert np.isfinite(gradient).all() and gradient.any()
        check_far_off(stage, found, truth)
        if name == "free_anchor":
            continue
        assignment = stage.objective.assign(found.priors, truth, found)
        assert (assignment.label == 1).numpy().any()
        boxes = assignment.take(truth.boxes)
        codes = stage.box_coder.encode(boxes, found.priors)[:, :, None]
        codes = tf.broadcast_to(codes, tf.shape(found.box_codes))
        rest, _ = loss_and_gradient(stage, found, truth, codes)
        assert rest < 1e-3 * loss


def check_far_off(stage, found, truth):
    """Codes of a network that has lost its way: boxes beyond every number."""
    for far in (-1e4, 1e4):
        codes = tf.fill(tf.shape(found.box_codes), far)
        loss, gradient = loss_and_gradient(stage, found, truth, codes)
        assert np.isfinite(loss) and np.isfinite(gradient).all()


def _loss_of(objective):
    return getattr(objective, "loss", objective).localization_loss
