"""The few-shot notebook: an old checkpoint but for its classes, then some eager steps.

Written from its description, with a small model of tests/golden whose checkpoint is
made here: objects of the old API's attributes, variables of its names.
"""

import golden_inputs
import golden_store
import keras
import numpy as np
import pytest
import tensorflow as tf
from test_old_models import config_of

from od_api.checkpoints.importing.old_weights import OldWeights
from od_api.checkpoints.importing.placing import placed
from od_api.compat import model_builder

CASE = golden_store.load("models")["ssd_mobilenet_v1_fpn"]
HEAD = "WeightSharedConvolutionalBoxPredictor"
BOX, CLASS = (f"{HEAD}/WeightSharedConvolutional{x}Head" for x in ("Box", "Class"))
# Attributes of the old box predictor, and what their variables' names start with.
PARTS = {
    "_base_tower_layers_for_heads": (f"{HEAD}/Box", f"{HEAD}/Class"),
    "_box_prediction_head": (BOX,),
    "_prediction_heads": (CLASS,),
}


@pytest.fixture(scope="module")
def old():
    """{old name: array} of 3 classes."""
    names, shapes = CASE["variable_names"], CASE["variable_shapes"]
    return {
        str(name).removesuffix(":0"): golden_inputs.weight(
            str(name), tuple(map(int, shape.split("x")))
        )
        for name, shape in zip(names, shapes, strict=True)
    }


@pytest.fixture(scope="module")
def old_checkpoint(old, tmp_path_factory):
    def tracked(arrays):
        values = {n: tf.Variable(value, name=n) for n, value in arrays.items()}
        pairs = enumerate(values.values())
        return tf.train.Checkpoint(**{f"layer{i}": value for i, value in pairs})

    parts = {
        name: tracked({n: v for n, v in old.items() if n.startswith(starts)})
        for name, starts in PARTS.items()
    }
    rest = {n: v for n, v in old.items() if not n.startswith(HEAD)}
    model = tf.train.Checkpoint(
        _feature_extractor=tracked(rest), _box_predictor=tf.train.Checkpoint(**parts)
    )
    folder = tmp_path_factory.mktemp("old")
    return tf.train.Checkpoint(model=model).save(str(folder / "ckpt"))


def test_few_shot(old, old_checkpoint):
    keras.utils.set_random_seed(0)
    model_config = config_of(str(CASE["config"]))
    model_config.ssd.num_classes = 1
    model_config.ssd.freeze_batchnorm = True
    detection_model = model_builder.build(model_config=model_config, is_training=True)

    predictor = detection_model._box_predictor
    fake_box_predictor = tf.train.Checkpoint(
        _base_tower_layers_for_heads=predictor._base_tower_layers_for_heads,
        _box_prediction_head=predictor._box_prediction_head,
    )
    fake_model = tf.train.Checkpoint(
        _feature_extractor=detection_model._feature_extractor,
        _box_predictor=fake_box_predictor,
    )
    ckpt = tf.train.Checkpoint(model=fake_model)
    ckpt.restore(old_checkpoint).expect_partial()
    side = model_config.ssd.image_resizer.fixed_shape_resizer.height
    image, shapes = detection_model.preprocess(tf.zeros([1, side, side, 3]))
    prediction_dict = detection_model.predict(image, shapes)
    detection_model.postprocess(prediction_dict, shapes)
    check_restored(detection_model, old)

    prefixes_to_train = (BOX, CLASS)
    trainable_variables = detection_model.trainable_variables
    to_fine_tune = [
        v for v in trainable_variables if v.name.startswith(prefixes_to_train)
    ]
    assert len(to_fine_tune) == 4
    fixed = [v for v in trainable_variables if not v.name.startswith(prefixes_to_train)]
    before = [v.numpy() for v in fixed]
    optimizer = tf.keras.optimizers.SGD(learning_rate=0.001, momentum=0.9)
    boxes = [tf.constant([[0.2, 0.3, 0.7, 0.8]])] * 2
    classes = [tf.one_hot([0], 1)] * 2
    images = [
        tf.constant(golden_inputs.image(40 + i, side, side))[None] for i in range(2)
    ]

    @tf.function
    def train_step_fn(image_tensors, groundtruth_boxes_list, groundtruth_classes_list):
        shapes = tf.constant(2 * [[side, side, 3]], dtype=tf.int32)
        detection_model.provide_groundtruth(
            groundtruth_boxes_list=groundtruth_boxes_list,
            groundtruth_classes_list=groundtruth_classes_list,
        )
        with tf.GradientTape() as tape:
            preprocessed = [detection_model.preprocess(i)[0] for i in image_tensors]
            preprocessed_images = tf.concat(preprocessed, axis=0)
            prediction_dict = detection_model.predict(preprocessed_images, shapes)
            losses_dict = detection_model.loss(prediction_dict, shapes)
            total_loss = (
                losses_dict["Loss/localization_loss"]
                + losses_dict["Loss/classification_loss"]
            )
        gradients = tape.gradient(total_loss, to_fine_tune)
        optimizer.apply_gradients(zip(gradients, to_fine_tune, strict=True))
        return total_loss

    losses = [float(train_step_fn(images, boxes, classes)) for _ in range(8)]
    assert losses[-1] < 0.9 * losses[0], losses
    for variable, value in zip(fixed, before, strict=True):
        np.testing.assert_array_equal(variable, value)

    image, shapes = detection_model.preprocess(images[0])
    found = detection_model.postprocess(detection_model.predict(image, shapes), shapes)
    assert found["detection_boxes"].shape[0] == 1


def check_restored(model, old):
    """Everything is the old one but the predictor of classes."""
    weights = OldWeights("golden", "arrays", False, old, {}, 0)
    values = placed(weights, model.detector.parts, dict(model._named)).values
    classes = {n for n in values if "/class/" in n}
    assert len(classes) == 2
    for name in set(values) - classes:
        np.testing.assert_array_equal(model._named[name], values[name], err_msg=name)
