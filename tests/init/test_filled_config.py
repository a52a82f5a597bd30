"""A shipped config, filled in: every detector builds, and nothing of COCO is left."""

import numpy as np
import pytest

from od_api.core.message_fields import set_values
from od_api.core.registry import build_field
from od_api.init.data_facts import DataFacts
from od_api.init.detector_choices import choices, chosen, model_of
from od_api.init.filled_config import (
    Filling,
    RecordFiles,
    mirrors,
    set_detector,
    set_readers,
    set_training,
)
from od_api.init.recipe import kind_of_detector, recipe
from od_api.init.weights_choice import Weights

FILES = RecordFiles("label_map.pbtxt", ["a-0", "a-1"], ["b"])


def facts(most=12, images=40):
    boxes = np.float32([[0.1, 0.1, 0.4, 0.3]] * images)
    return DataFacts(images, boxes, np.float64([[60, 80]] * images), most, (60, 80))


def filled(
    name, weights=None, most=12, size=None, names=("cat", "dog"), steps=None, batch=4
):
    config = chosen(name).config()
    model = model_of(config)
    filling = Filling(
        num_classes=len(names),
        class_names=list(names),
        train=facts(most),
        val=facts(images=10),
        weights=weights or Weights(),
        recipe=recipe(kind_of_detector(model), 40, batch, steps),
        size=size,
    )
    set_detector(model, filling)
    set_training(config, filling)
    set_readers(config, FILES, filling)
    return config


@pytest.mark.parametrize("name", choices())
def test_nothing_of_the_shipped_data_is_left(name):
    """Texts in capitals are what the shipped configs have in place of paths."""
    config = filled(name)
    texts = [
        value
        for _, _, message in set_values(config)
        for field, value in (
            message.ListFields() if hasattr(message, "DESCRIPTOR") else ()
        )
        if field.type == field.TYPE_STRING and isinstance(value, str)
    ]
    assert not [text for text in texts if "WEIGHTS" in text or "RECORD" in text]
    assert model_of(config).num_classes == 2
    assert not model_of(config).feature_extractor.type
    assert config.train_config.num_steps > 0


def test_it_builds_with_the_width_of_its_weights():
    config = filled("ssd_mobilenet_v1_300", Weights("w.h5", "classification", 0.5, "x"))
    detector = build_field(config, "model")
    network = detector.parts["backbone"].network
    assert network.layers[1].filters == 16
    norms = [x for x in network.layers if "BatchNorm" in type(x).__name__]
    assert norms
    assert not any(layer.trainable_weights for layer in norms)
    assert config.train_config.fine_tune_checkpoint == "w.h5"


@pytest.mark.parametrize("batch, frozen", [(7, True), (8, False)])
def test_batches_that_are_large_enough_train_batch_norm(batch, frozen):
    weights = Weights("w.h5", "classification", 0.5, "x")
    backbone = filled("ssd_mobilenet_v1_300", weights, batch=batch).model.ssd
    backbone = backbone.feature_extractor.backbone.mobilenet_v1
    assert backbone.freeze_batch_norm == frozen


def test_random_weights_train_their_batch_norm():
    backbone = filled("ssd_mobilenet_v1_300").model.ssd.feature_extractor.backbone
    assert not backbone.mobilenet_v1.freeze_batch_norm
    decay = backbone.mobilenet_v1.conv_hyperparams.batch_norm.decay
    assert decay == pytest.approx(0.97)


def test_a_long_training_keeps_the_decay_of_batch_norm():
    config = filled("ssd_mobilenet_v2_fpnlite_320", steps=20_000)
    decay = config.model.ssd.box_predictor.weight_shared_convolutional_box_predictor
    assert decay.conv_hyperparams.batch_norm.decay == pytest.approx(0.997)


def test_many_objects_get_room():
    config = filled("ssd_mobilenet_v1_300", most=170)
    nms = config.model.ssd.post_processing.batch_non_max_suppression
    assert nms.max_total_detections == nms.max_detections_per_class == 400
    assert config.eval_config.max_detections == 400
    assert config.train_input_reader.max_number_of_boxes == 170


def test_few_objects_take_no_more_room_than_they_need():
    config = filled("ssd_mobilenet_v1_300", most=12)
    assert config.train_input_reader.max_number_of_boxes == 20
    assert not config.eval_config.HasField("max_detections")


def test_the_size_that_is_asked_for_is_set():
    resizer = filled("ssd_mobilenet_v1_300", size=(256, 512)).model.ssd.image_resizer
    assert (resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width) == (
        256,
        512,
    )


def test_left_and_right_are_not_mirrored():
    assert mirrors(["leftovers", "bright light", "cat"])
    assert not mirrors(["turn_left", "stop"])
    steps = filled(
        "ssd_mobilenet_v1_300", names=("turn left", "turn right")
    ).train_config.data_augmentation_options
    kinds = [step.WhichOneof("preprocessing_step") for step in steps]
    assert "random_horizontal_flip" not in kinds
    assert "ssd_random_crop" in kinds


def test_the_schedule_ends_with_training():
    train = filled("rfcn_resnet101_600x1024", steps=70).train_config
    rate = train.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate
    assert rate.total_steps == train.num_steps == 70
    assert rate.warmup_steps < 70
    assert rate.warmup_learning_rate < rate.learning_rate_base
