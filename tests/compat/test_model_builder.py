"""A detector in an eager loop, as notebooks write it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_two_stage
from google.protobuf import text_format

from od_api.checkpoints import checkpoint_files
from od_api.compat import model_builder
from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.core.registry import build_field
from od_api.exporting.serving import outputs_of
from od_api.protos import pipeline_pb2

IMAGES = tf.random.stateless_uniform([2, 64, 80, 3], (1, 2), 0, 255)
BOXES = [tf.constant([[0.1, 0.2, 0.6, 0.7]]), tf.zeros([0, 4])]
CLASSES = [tf.one_hot([2], 5), tf.zeros([0, 5])]


def config_of(text):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(text[: text.index("train_config")], config)
    return config


@pytest.fixture(scope="module")
def config():
    return config_of(tiny.CONFIG)


@pytest.fixture
def model(config):
    keras.utils.set_random_seed(0)
    return model_builder.build(model_config=config.model, is_training=False)


def values(model):
    return [v.numpy().copy() for v in model.variables]


def test_postprocess_gives_what_an_export_gives(model):
    images, shapes = model.preprocess(IMAGES)
    assert (
        images.shape == (2, 96, 96, 3) and shapes.numpy().tolist() == [[96, 96, 3]] * 2
    )
    found = model.postprocess(model.predict(images, shapes), shapes)
    want = outputs_of(model.detector, images, shapes[:, :2])
    assert found.keys() == want.keys()
    from_zero = np.maximum(want["detection_classes"] - 1, 0)
    for name, value in {**want, "detection_classes": from_zero}.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6)


def test_losses_are_those_of_the_detector(model):
    """The targets are pixels of the padded input, and rows of the shorter image pad."""
    images, shapes = model.preprocess(IMAGES)
    with pytest.raises(UserError, match="provide_groundtruth"):
        model.loss(model.predict(images, shapes), shapes)
    model.provide_groundtruth(
        groundtruth_boxes_list=BOXES, groundtruth_classes_list=CLASSES
    )
    targets = model._targets(images, shapes)
    np.testing.assert_allclose(
        targets.boxes[:, 0], [[9.6, 19.2, 57.6, 67.2], [0] * 4], rtol=1e-6
    )
    assert targets.valid.numpy().tolist() == [[True], [False]]
    assert targets.classes.numpy().tolist() == [[2], [0]]
    losses = model.loss(model.predict(images, shapes), shapes)
    own = model.detector.losses(model.detector.call(images, shapes[:, :2]), targets)
    assert list(losses) == [f"Loss/{name}" for name in own]
    for name, value in own.items():
        assert float(losses[f"Loss/{name}"]) == pytest.approx(float(value), rel=1e-5)
    assert float(sum(model.regularization_losses())) >= 0


def test_a_few_steps_lower_the_loss(config):
    keras.utils.set_random_seed(0)
    model = model_builder.build(config.model, is_training=True)
    images, shapes = model.preprocess(IMAGES)
    model.provide_groundtruth(BOXES, CLASSES)
    optimizer = keras.optimizers.Adam(0.01)
    totals = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            losses = model.loss(model.predict(images, shapes), shapes)
            total = tf.add_n(list(losses.values()))
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        totals.append(float(total))
    assert totals[-1] < totals[0] / 2


def test_two_stages_and_masks():
    """The losses of regions, and the ground truth's masks."""
    text = tiny_two_stage.MODELS["mask_rcnn"]
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(text, config)
    model = model_builder.build(config.model, is_training=True)
    images, shapes = model.preprocess(IMAGES)
    size = images.shape[1:3]
    masks = [tf.ones([1, *size]), tf.zeros([0, *size])]
    model.provide_groundtruth(BOXES, CLASSES, groundtruth_masks_list=masks)
    losses = model.loss(model.predict(images, shapes), shapes)
    assert any("mask" in name for name in losses)
    assert all(np.isfinite(float(value)) for value in losses.values())


@pytest.fixture
def checkpoint(config, tmp_path):
    """(A checkpoint as training writes it, the detector whose weights it has.)"""
    keras.utils.set_random_seed(1)
    detector = model_builder.build(config.model, is_training=False)
    groups = {"model": dict(detector._named)}
    checkpoint_files.write_whole(
        groups, tf.constant(3, tf.int64), str(tmp_path / "ckpt-3")
    )
    return str(tmp_path / "ckpt-3"), detector


def test_a_checkpoint_is_restored_as_in_notebooks(model, checkpoint):
    path, other = checkpoint
    tf.train.Checkpoint(model=model).restore(path).expect_partial()
    for value, want in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(value, want)


def test_fine_tuning_takes_what_its_type_says(model, checkpoint):
    path, other = checkpoint
    before = {v.path: v.numpy().copy() for v in model.detector.parts["head"].weights}
    objects = model.restore_from_objects(fine_tune_checkpoint_type="detection")
    tf.train.Checkpoint(**objects).restore(path).expect_partial()
    pairs = zip(model.detector.parts["backbone"].weights, other.variables, strict=False)
    for variable, want in pairs:
        np.testing.assert_array_equal(variable, want)
    for variable in model.detector.parts["head"].weights:
        np.testing.assert_array_equal(variable, before[variable.path])


def test_ones_own_checkpoints(model, config, tmp_path):
    """`tf.train.Checkpoint` writes the variables, and reads them again."""
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "own"))
    keras.utils.set_random_seed(5)
    other = model_builder.build(config.model, is_training=False)
    status = tf.train.Checkpoint(model=other).restore(path)
    status.assert_existing_objects_matched()
    for value, want in zip(values(other), values(model), strict=True):
        np.testing.assert_array_equal(value, want)


def test_old_checkpoints_are_not_passed_over(model, tmp_path):
    """Their objects have other names; the tensors are taken when the model is used."""
    layer = tf.train.Checkpoint(v=tf.Variable([[[[1.0]]]], name="conv1/kernel"))
    saved = tf.train.Checkpoint(model=tf.train.Checkpoint(_feature_extractor=layer))
    path = saved.save(str(tmp_path / "old"))
    for objects in ({"model": model}, model.restore_from_objects("detection")):
        tf.train.Checkpoint(**objects).restore(path).expect_partial()
        with pytest.raises(UserError, match=r"conv1/kernel \(conv1/kernel\) is \[1, 1"):
            model.predict(*model.preprocess(IMAGES))
        model.predict(*model.preprocess(IMAGES))  # it is said once


def test_old_weights_are_restored(model, tmp_path):
    """A kernel by the old API's name, in an archive; it does not fit in full."""
    kernel = next(v for n, v in model._named.items() if n.endswith("conv1/kernel"))
    value = np.full(kernel.shape, 0.5, np.float32)
    scope = "FeatureExtractor/MobilenetV1/Conv2d_0/weights"
    np.savez(tmp_path / "old.npz", **{scope: value})
    partly = model.restore_from_objects("classification")["model"]
    partly.restore(str(tmp_path / "old.npz"))
    np.testing.assert_array_equal(kernel, value)


def test_a_wrong_path_is_named(model, tmp_path):
    with pytest.raises(UserError, match="missing"):
        model.restore(str(tmp_path / "missing"))


def test_its_config_is_that_of_files(tmp_path):
    path = tiny.write_config(tmp_path, tmp_path / "data")
    config = load_config(path)
    assert model_builder.build(config.model, True).num_classes == 5
    assert build_field(config, "model").num_classes == 5
