"""Each kind of file that old weights are in; small ones are written here."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.importing.old_weights import read_old_weights
from od_api.core.errors import UserError

v1 = tf.compat.v1
SCOPE = "FeatureExtractor/MobilenetV1/Conv2d_0"
KERNEL = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2)
BETA = np.float32([5, -6])
WEIGHTS = {f"{SCOPE}/weights": KERNEL, f"{SCOPE}/BatchNorm/beta": BETA}


def check(old, weights, **attributes):
    assert set(old.arrays) == set(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(old.arrays[name], value)
    assert {name: getattr(old, name) for name in attributes} == attributes


def slim_checkpoint(prefix, more=(), version=2):
    """A checkpoint by names, as TensorFlow 1 wrote it."""
    weights = WEIGHTS | {name: BETA + 1 for name in more}
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in weights.items():
            v1.get_variable(name, initializer=value, use_resource=False)
        step = v1.get_variable("global_step", initializer=np.int64(7))
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(write_version=version)
        assert step is not None
        return saver.save(session, str(prefix), write_meta_graph=False)


def test_archive_of_numpy(tmp_path):
    path = tmp_path / "weights.bin"  # known by what it holds
    with open(path, "wb") as file:
        np.savez(file, **WEIGHTS)
    check(read_old_weights(path), WEIGHTS, kind="NumPy archive", slim=True)


@pytest.mark.parametrize("version", [1, 2])
def test_checkpoint_by_names(tmp_path, version):
    """Slots and the step are the optimizer's; averages are kept apart."""
    average = f"{SCOPE}/BatchNorm/beta/ExponentialMovingAverage"
    more = [f"{SCOPE}/weights/Momentum", f"{SCOPE}/weights/RMSProp_1", average]
    prefix = slim_checkpoint(tmp_path / "model.ckpt", more, version)
    old = read_old_weights(prefix)
    check(old, WEIGHTS, slim=True, optimizer=3)
    np.testing.assert_array_equal(old.averages[f"{SCOPE}/BatchNorm/beta"], BETA + 1)
    for path in (tmp_path, tmp_path / "checkpoint"):
        check(read_old_weights(path), WEIGHTS)


def object_checkpoint(folder):
    """A checkpoint by objects: kernel with a slot and an average."""
    kernel = tf.Variable(KERNEL, name="conv1/kernel")
    beta = tf.Variable(BETA, name="conv1_bn/beta")
    model, layer = tf.Module(), tf.Module()
    layer.kernel, layer.beta, model._feature_extractor = kernel, beta, layer
    optimizer = Slots()
    for name, value in (("momentum", KERNEL + 1), ("average", KERNEL + 2)):
        slot = tf.Variable(value, name=f"SGD/conv1/kernel/{name}")
        optimizer.add(kernel, name, slot)
    step = tf.Variable(3, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, step=step)
    return checkpoint.save(str(folder / "ckpt"))


class Slots(tf.Module):
    """The part of an optimizer that TensorFlow asks about its slots."""

    def __init__(self):
        super().__init__()
        self._slots = self._no_dependency({})

    def add(self, variable, name, slot):
        key = getattr(variable, "_unique_id", variable)
        self._slots.setdefault(name, {})[key] = slot

    def _create_or_restore_slot_variable(self, **_):
        """What TensorFlow knows an optimizer by."""

    def get_slot_names(self):
        return list(self._slots)

    def get_slot(self, variable, name):
        return self._slots[name].get(getattr(variable, "_unique_id", variable))


def test_checkpoint_by_objects(tmp_path):
    """The names are the variables' own, not the paths of attributes."""
    wanted = {"conv1/kernel": KERNEL, "conv1_bn/beta": BETA}
    object_checkpoint(tmp_path)
    old = read_old_weights(tmp_path)
    check(old, wanted, kind="checkpoint", slim=False)
    assert set(old.averages) == {"conv1/kernel"}
    np.testing.assert_array_equal(old.averages["conv1/kernel"], KERNEL + 2)


def test_saved_model_with_variables(tmp_path):
    module = tf.Module()
    module._model = tf.Variable(KERNEL, name="conv1/kernel")
    tf.saved_model.save(module, str(tmp_path / "saved_model"))
    for folder in (tmp_path, tmp_path / "saved_model"):
        old = read_old_weights(folder)
        check(old, {"conv1/kernel": KERNEL}, kind="SavedModel", slim=False)


def frozen():
    """A graph of constants by the names of their variables, and others."""
    with tf.Graph().as_default() as graph:
        for name, value in WEIGHTS.items():
            tf.constant(value, name=name)
        tf.constant(3.0, name="Postprocessor/scale")
    return graph.as_graph_def()


def test_frozen_graph(tmp_path):
    path = tmp_path / "graph"
    path.write_bytes(frozen().SerializeToString())
    check(read_old_weights(path), WEIGHTS, kind="frozen graph", slim=True)


def test_saved_model_of_constants(tmp_path):
    model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    model.meta_graphs.add().graph_def.CopyFrom(frozen())
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    check(read_old_weights(tmp_path), WEIGHTS, kind="SavedModel", slim=True)


@pytest.mark.parametrize("quantised", [False, True])
def test_lite_model(tmp_path, quantised):
    """One channel of input and two of output, then both by themselves."""
    kernel = tf.constant(KERNEL, name=f"{SCOPE}/weights")
    deep = tf.constant(KERNEL.reshape(2, 2, 2, 1), name="X/Conv2d_1_depthwise/weights")

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 1])])
    def run(images):
        x = tf.nn.conv2d(images, kernel, 1, "SAME", name=f"{SCOPE}/Conv2D")
        x = tf.nn.bias_add(x, BETA, name=f"{SCOPE}/BiasAdd")
        return tf.nn.depthwise_conv2d(x, deep, [1] * 4, "SAME", name="X/deep")

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [run.get_concrete_function()]
    )
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: [[np.ones([1, 8, 8, 1], "f4")]]
    path = tmp_path / "model"
    path.write_bytes(converter.convert())
    old = read_old_weights(path)
    assert old.kind == "TensorFlow Lite model" and old.slim
    by_leaf = {name.rsplit("/", 1)[1]: value for name, value in old.arrays.items()}
    close = {"atol": 0.05 if quantised else 1e-6}
    np.testing.assert_allclose(by_leaf["weights"], KERNEL, **close)
    shape = (2, 2, 2, 1)
    np.testing.assert_allclose(
        by_leaf["depthwise_weights"], KERNEL.reshape(shape), **close
    )
    assert any(
        np.allclose(v, BETA, **close) for v in old.arrays.values() if v.ndim == 1
    )


def test_ours_and_nothing_are_no_old_weights(tmp_path):
    model = {"backbone/kernel": tf.Variable([1.0])}
    step = tf.Variable(2, dtype=tf.int64)
    prefix = Checkpoints(tmp_path, step=step, model=model).save()
    for path in (prefix, tmp_path, tmp_path / "absent", "", "a\0b"):
        assert read_old_weights(path) is None


def test_text_and_empty_files_are_no_old_weights(tmp_path):
    for number, content in enumerate((b"", b"hello\n", b"PK", b"\0" * 64)):
        path = tmp_path / f"file{number}"
        path.write_bytes(content)
        assert read_old_weights(path) is None


def test_damaged_files(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\0\0\0\0TFL3")
    with pytest.raises(UserError, match="damaged TensorFlow Lite model"):
        read_old_weights(path)
    prefix = slim_checkpoint(tmp_path / "model.ckpt")
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:10])
    with pytest.raises(UserError, match=r"model.ckpt is damaged"):
        read_old_weights(prefix)
    objects = tmp_path / "objects.npz"
    np.savez(objects, weights=np.array([{}], dtype=object))
    with pytest.raises(UserError, match=r"damaged .npz file, or holds no numbers"):
        read_old_weights(objects)


def test_graph_without_weights(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.constant(3.0, name="Postprocessor/scale")
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(UserError, match="holds no weights by the names of the old"):
        read_old_weights(path)
