"""Export: whole, equal to the checkpoint, in float32, and free of od_api."""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
from tensorflow.core.protobuf import saved_model_pb2

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.checkpoint import restore_model
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.loading import load_config
from od_api.core import variables
from od_api.core.errors import UserError
from od_api.export import export
from od_api.exporting import serving
from od_api.exporting.signature_inputs import INPUT_TYPES, as_input

# `od_api.export` is the function.
export_module = sys.modules[export.__module__]

IMAGE_TYPES = {"image_tensor": tf.uint8, "float_image_tensor": tf.float32}
SHAPES = {
    "detection_boxes": [None, 20, 4],
    "detection_scores": [None, 20],
    "detection_classes": [None, 20],
    "detection_multiclass_scores": [None, 20, 6],
    "detection_anchor_indices": [None, 20],
    "num_detections": [None],
    "raw_detection_boxes": [None, None, 4],
    "raw_detection_scores": [None, None, 6],
}
PADDED = """keep_aspect_ratio_resizer {
  min_dimension: 96 max_dimension: 96 pad_to_max_dimension: true }"""
FPN = [
    'model.ssd.feature_extractor.type="ssd_mobilenet_v1_fpn"',
    "model.ssd.feature_extractor.use_depthwise=true",
    "model.ssd.feature_extractor.fpn={min_level: 3 max_level: 5 "
    "additional_layer_depth: 16}",
    "model.ssd.anchor_generator={multiscale_anchor_generator {min_level: 3 "
    "max_level: 5 anchor_scale: 2.0 aspect_ratios: [1.0] scales_per_octave: 1}}",
    "model.ssd.box_predictor={weight_shared_convolutional_box_predictor {depth: 16 "
    "num_layers_before_predictor: 2 use_depthwise: true conv_hyperparams { "
    "activation: RELU_6 initializer { truncated_normal_initializer {} } "
    "batch_norm { scale: true } } } }",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("export_data"), num_images=1)


@pytest.fixture(scope="module")
def config(data, tmp_path_factory):
    return tiny.config_for(tmp_path_factory.mktemp("config"), data)


@pytest.fixture(scope="module")
def checkpoint(config, tmp_path_factory):
    return random_checkpoint.write(config, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def exported(config, checkpoint, tmp_path_factory):
    output = tmp_path_factory.mktemp("exports") / "made" / "here"
    export(config, checkpoint, output, name="scenes", version=7)
    return output


@pytest.fixture(scope="module")
def detector(config, checkpoint):
    detector, restore = detector_for_inference(config)
    restore(checkpoint)
    return detector


@pytest.fixture(scope="module")
def network(detector):
    return export_module._network(detector, serving.outputs_of)


@pytest.fixture
def ready(detector, network, monkeypatch):
    """Exports take the detector and its frozen network from above, to save time."""
    monkeypatch.setattr(
        export_module, "detector_for_inference", lambda _: (detector, lambda _: 3)
    )
    monkeypatch.setattr(export_module, "_network", lambda *_: network)


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def serving_default(output):
    # The model itself must stay alive as long as its signature is used.
    model = tf.saved_model.load(str(output / "saved_model"))
    return model, model.signatures["serving_default"]


def test_layout(exported, data):
    files = {str(f.relative_to(exported)) for f in exported.rglob("*") if f.is_file()}
    model = {"fingerprint.pb", "saved_model.pb", "assets/label_map.pbtxt"}
    model |= {f"variables/variables.{s}" for s in ("index", "data-00000-of-00001")}
    served = model | {"assets.extra/tf_serving_warmup_requests"}
    weights = ("checkpoint", "ckpt-0.index", "ckpt-0.data-00000-of-00001")
    assert files == {
        "pipeline.config",
        "parity.json",
        *(f"checkpoint/{file}" for file in weights),
        *(f"saved_model/{file}" for file in model),
        *(f"serving/scenes/7/{file}" for file in served),
    }
    label_map = (exported / "saved_model/assets/label_map.pbtxt").read_text()
    assert label_map == (data / "label_map.pbtxt").read_text()
    assert [p.name for p in exported.parent.iterdir()] == ["here"], "nothing beside"
    assert exported.stat().st_mode & 0o777 == 0o755, "a server is another user"
    report = json.loads((exported / "parity.json").read_text())
    assert 0 <= report["largest_box_difference_px"] <= 1e-3
    assert 0 <= report["largest_score_difference"] <= 1e-5


# Detectors of one stage take no boxes.
@pytest.mark.parametrize("kind", sorted(set(INPUT_TYPES) - {"image_and_boxes_tensor"}))
def test_signature_and_outputs(
    kind, config, checkpoint, exported, detector, ready, tmp_path
):
    """Each input type: names and types of old, the detector's values, any batch."""
    if kind != "image_tensor":
        exported = tmp_path / "out"
        export(config, checkpoint, exported, input_type=kind)
    model, signature = serving_default(exported)
    ((name, spec),) = signature.structured_input_signature[1].items()
    assert name == "input_tensor"
    assert spec.dtype == IMAGE_TYPES.get(kind, tf.string)
    shape = [None, None, None, 3] if kind in IMAGE_TYPES else [None]
    assert spec.shape.as_list() == shape
    outputs = signature.structured_outputs
    assert {n: s.dtype for n, s in outputs.items()} == dict.fromkeys(SHAPES, tf.float32)
    for output, shape in SHAPES.items():
        assert outputs[output].shape.is_compatible_with(shape)
        assert outputs[output].shape[0] is None, "any number of images"

    pixels = images(3, 70, 90, 3)
    singles = [model(as_input(image, kind)) for image in pixels]
    batch = tf.concat([as_input(image, kind) for image in pixels], axis=0)
    together = signature(input_tensor=batch)
    padded, true_shapes = serving.resize(detector.resizer, pixels)
    predictions = detector.call(padded, true_shapes)
    found = detector.detect(predictions)
    for name, value in together.items():
        each = tf.concat([single[name] for single in singles], axis=0)
        np.testing.assert_allclose(value, each, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(together["num_detections"], found.count)
    np.testing.assert_allclose(together["detection_scores"], found.scores, atol=1e-5)
    np.testing.assert_allclose(
        together["raw_detection_boxes"], detector.decode(predictions) / 96, atol=1e-5
    )
    assert found.count.numpy().min() > 0


def test_detections_alone_are_those_of_the_default_signature(exported):
    """The same argument; the raw outputs are gone, and nothing else."""
    model, signature = serving_default(exported)
    final = model.signatures["detections"]
    arguments = signature.structured_input_signature
    assert final.structured_input_signature == arguments
    pixels = tf.constant(images(2, 70, 90, 3))
    everything, found = signature(input_tensor=pixels), final(input_tensor=pixels)
    assert set(found) == {
        *("detection_boxes", "detection_scores", "detection_classes"),
        "num_detections",
    }
    for name, value in found.items():
        np.testing.assert_allclose(value, everything[name], atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 96, 96, 3), (1, 0, 5, 3)])
def test_an_empty_batch_is_named(exported, shape):
    _, signature = serving_default(exported)
    with pytest.raises(tf.errors.InvalidArgumentError, match="input_tensor is empty"):
        signature(input_tensor=tf.zeros(shape, tf.uint8))


def test_classes_are_label_map_ids(exported, detector):
    """+1, also for a box's own anchor: its best score is in column `class`."""
    model, _ = serving_default(exported)
    outputs = {n: v.numpy() for n, v in model(images(1, 96, 96, 3)).items()}
    count = int(outputs["num_detections"][0])
    classes = outputs["detection_classes"][0, :count].astype(int)
    assert set(classes) <= {1, 2, 3, 4, 5}
    all_scores = outputs["detection_multiclass_scores"][0, :count]
    np.testing.assert_allclose(
        all_scores[np.arange(count), classes],
        outputs["detection_scores"][0, :count],
        atol=1e-6,
    )
    anchors = outputs["detection_anchor_indices"][0, :count].astype(int)
    np.testing.assert_array_equal(
        outputs["raw_detection_scores"][0][anchors], all_scores
    )


def test_boxes_are_relative_to_the_image_without_padding(data, tmp_path):
    """A 60x120 image becomes 48x96 in 96x96: a final box of y = 1 ends at row 48.

    The raw box of the same anchor ends at 0.5: raw boxes are relative to the padding.
    """
    old = "fixed_shape_resizer { height: 96 width: 96 }"
    config = load_config(tiny.write_config(tmp_path, data, old, PADDED))
    checkpoint = random_checkpoint.write(config, tmp_path / "model")
    export(config, checkpoint, tmp_path / "out")
    model, _ = serving_default(tmp_path / "out")
    outputs = {n: v.numpy()[0] for n, v in model(images(1, 60, 120, 3)).items()}
    count = int(outputs["num_detections"])
    boxes = outputs["detection_boxes"][:count]
    anchors = outputs["detection_anchor_indices"][:count].astype(int)
    in_padded = outputs["raw_detection_boxes"][anchors] * [96, 96, 96, 96]
    cut = np.clip(in_padded, 0, [48, 96, 48, 96])
    np.testing.assert_allclose(boxes * [48, 96, 48, 96], cut, atol=1e-3)
    assert boxes[:, 2].max() > 0.75, "otherwise the two scales cannot be told apart"


def nodes_of(output):
    """Every node of a SavedModel's functions, except those that save and restore."""
    proto = output / "saved_model" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(proto.read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    serving = [f for f in functions if "traced" not in f.signature.name]
    return [node for function in serving for node in function.node_def]


def readers(nodes):
    """{(operation of a convolution, operation that reads it): count}."""
    users = collections.defaultdict(list)
    for node in nodes:
        for name in node.input:
            users[re.split("[:^]", name)[0]].append(node.op)
    convolutions = [n for n in nodes if n.op in ("Conv2D", "DepthwiseConv2dNative")]
    return collections.Counter((n.op, u) for n in convolutions for u in users[n.name])


def check_folded(output, expected):
    """Convolutions are read as `expected`, in float32, and batch norm is gone."""
    nodes = nodes_of(output)
    assert readers(nodes) == expected
    types = {n.attr["T"].type for n in nodes if n.op in ("Conv2D", "BiasAdd")}
    assert types == {tf.float32.as_datatype_enum}
    assert not {"Rsqrt", "FusedBatchNormV3"} & {n.op for n in nodes}
    assert not {n.device for n in nodes} - {""}, "the server places operations"


def test_batch_norm_of_ssd_is_folded(exported, config, detector):
    """14 + 4 + 8 convolutions (backbone, 2 extra maps, 4 maps x 2 heads), 13 depthwise.

    Each is followed by its bias and nothing else. The file holds every weight once.
    """
    check_folded(
        exported, {("Conv2D", "BiasAdd"): 26, ("DepthwiseConv2dNative", "BiasAdd"): 13}
    )
    weights = variables.named_variables(detector.parts).values()
    size = 4 * sum(int(tf.size(v)) for v in weights)
    assert (exported / "saved_model" / "saved_model.pb").stat().st_size < 1.2 * size


def test_batch_norm_of_fpn_is_folded(data, tmp_path):
    """Convolutions 14 + 3 + 20 (backbone, laterals, separable), depthwise 13 + 20.

    20 = 2 smoothing ones and 3 levels x 2 heads x (2 layers + predictor); the shared
    kernels are there once a level, with the level's own batch norm in them. Separable
    convolutions hand the depthwise result straight to the pointwise one. A model that
    was trained in float16 is exported in float32.
    """
    overrides = [*FPN, "train_config.precision=MIXED_FLOAT16"]
    config = tiny.config_for(tmp_path, data, *overrides)
    checkpoint = random_checkpoint.write(config, tmp_path / "model")
    worst = export(config, checkpoint, tmp_path / "out")
    assert worst["boxes"] <= 1e-3 and worst["scores"] <= 1e-5
    check_folded(
        tmp_path / "out",
        {
            ("Conv2D", "BiasAdd"): 37,
            ("DepthwiseConv2dNative", "BiasAdd"): 13,
            ("DepthwiseConv2dNative", "Conv2D"): 20,
        },
    )


def test_kernels_of_a_large_network_are_variables(
    config, checkpoint, detector, tmp_path, monkeypatch
):
    """Of a network called large here: the export checks its outputs itself."""
    monkeypatch.setattr(export_module, "_LARGE_NETWORK", 1)
    export(config, checkpoint, tmp_path / "out")
    model, _ = serving_default(tmp_path / "out")
    kernels = [v for p in detector.parts.values() for v in p.variables]
    large = [v for v in kernels if np.prod(v.shape) > export_module._LARGE_KERNEL]
    shapes = sorted(
        tuple(v.shape) for v in model.signatures["serving_default"].variables
    )
    assert shapes == sorted(tuple(v.shape) for v in large)
    graph = (tmp_path / "out/saved_model/saved_model.pb").stat().st_size
    assert graph < sum(4 * np.prod(v.shape) for v in large)


def test_exported_weights_have_no_optimizer(exported, config, checkpoint):
    """The checkpoint inside holds the model and evaluates as the one it came from."""
    prefix = str(exported / "checkpoint" / "ckpt-0")
    assert tf.train.latest_checkpoint(str(exported / "checkpoint")) == prefix
    groups, step = checkpoint_files.read(prefix)
    assert step == 3 and set(groups) == {"model"}
    original, _ = checkpoint_files.read(checkpoint)
    assert "optimizer" in original
    for name, value in original["model"].items():
        np.testing.assert_array_equal(groups["model"][name], value)
    inside = str(exported / "saved_model" / "variables" / "variables")
    assert [n for n, _ in tf.train.list_variables(inside)] == [
        "_CHECKPOINTABLE_OBJECT_GRAPH"
    ], "weights are constants of the graph"
    assert load_config(exported / "pipeline.config") == config


def ops_of(path):
    """{op: how many} of a SavedModel's graph and all functions in it."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model" / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return collections.Counter(node.op for node in nodes)


def test_static_exports_have_no_loop_over_classes(
    exported, config, checkpoint, tmp_path
):
    """The kernel of each class is gone, and loops are no more than before.

    The same detections; the config inside says what was exported.
    """
    export(config, checkpoint, tmp_path / "out", static=True)
    ours, theirs = ops_of(tmp_path / "out"), ops_of(exported)
    assert not [op for op in ours if op.startswith("NonMaxSuppression")]
    assert theirs["NonMaxSuppressionV5"] >= 5
    # The classes are 5; the loops are those of resizing and of blocks of boxes.
    assert 0 < sum(n for op, n in ours.items() if op.endswith("While")) <= 4
    pixels = images(2, 96, 96, 3)
    static, native = (
        serving_default(path)[0](pixels) for path in (tmp_path / "out", exported)
    )
    for name, value in native.items():
        np.testing.assert_allclose(static[name], value, atol=1e-4, err_msg=name)
    inside = load_config(tmp_path / "out" / "pipeline.config").model.ssd
    assert inside.post_processing.batch_non_max_suppression.use_static_shapes


def test_averaged_weights_are_exported(data, tmp_path):
    averaging = "train_config.optimizer.use_moving_average=true"
    config = tiny.config_for(tmp_path, data, averaging)
    checkpoint = random_checkpoint.write(config, tmp_path / "model", averages=True)
    export(config, checkpoint, tmp_path / "out")
    model, _ = serving_default(tmp_path / "out")
    pixels = images(1, 96, 96, 3)
    got = model(pixels)["raw_detection_scores"]

    detector, restore = detector_for_inference(config)
    named = variables.named_variables(detector.parts)

    def scores():
        padded, true_shapes = serving.resize(detector.resizer, pixels)
        return detector.scores(detector.call(padded, true_shapes))

    restore_model(checkpoint, named, moving_averages=False)
    assert np.abs(scores() - got).max() > 1e-2
    # Also from the checkpoint inside the export, with the config inside it.
    restore(str(tmp_path / "out" / "checkpoint"))
    np.testing.assert_allclose(scores(), got, atol=1e-5)


FRESH = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
pixels = np.load(sys.argv[2])
called = model(pixels)
signed = model.signatures["serving_default"](input_tensor=tf.constant(pixels))
assert "od_api" not in sys.modules
assert all(np.array_equal(called[n], signed[n]) for n in signed)
assert "name" in open(model.label_map.asset_path.numpy()).read()
np.savez(sys.argv[3], **{n: v.numpy() for n, v in called.items()})
"""


def test_fresh_process_without_od_api(exported, tmp_path):
    """Moved elsewhere and loaded by TensorFlow alone: the same outputs."""
    pixels = images(2, 80, 100, 3)
    np.save(tmp_path / "pixels.npy", pixels)
    served = shutil.copytree(exported / "serving" / "scenes" / "7", tmp_path / "moved")
    subprocess.run(
        [sys.executable, "-c", FRESH, served, "pixels.npy", "outputs.npz"],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    outputs = np.load(tmp_path / "outputs.npz")
    model, _ = serving_default(exported)
    for name, value in model(pixels).items():
        np.testing.assert_allclose(outputs[name], value, rtol=1e-5, atol=1e-6)


def refuses(match, folder, *arguments, **options):
    """The export fails with a message and leaves nothing in `folder`."""
    before = set(folder.iterdir())
    with pytest.raises(UserError, match=match):
        export(*arguments, **options)
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    "output, error, said",
    [
        ("raw_detection_boxes", 1e-4, "differs from the checkpoint"),
        ("raw_detection_scores", np.nan, "raw_detection_scores of noise are not all"),
        ("detection_classes", np.inf, "detection_classes of noise are not all finite"),
    ],
)
def test_another_model_than_the_checkpoint(
    output, error, said, config, checkpoint, network, ready, tmp_path, monkeypatch
):
    """1e-4 of the image's side is 0.0096 px, about 10 times the limit."""

    def changed(*inputs):
        outputs = network(*inputs)
        return {**outputs, output: outputs[output] + error}

    monkeypatch.setattr(export_module, "_network", lambda *_: changed)
    match = f"{said}.*nothing was exported"
    refuses(match, tmp_path, config, checkpoint, tmp_path / "out")


def test_weights_that_are_not_numbers(config, checkpoint, detector, ready, tmp_path):
    named = variables.named_variables(detector.parts)
    broken = next(v for n, v in named.items() if n.startswith("head"))
    before = broken.numpy()
    broken.assign(tf.fill(broken.shape, np.nan))
    try:
        refuses("diverged", tmp_path, config, checkpoint, tmp_path / "out")
    finally:
        broken.assign(before)


@pytest.mark.parametrize(
    "error", [OSError("No space left"), tf.errors.ResourceExhaustedError(0, 0, "full")]
)
def test_full_disk_leaves_nothing(
    error, config, checkpoint, ready, tmp_path, monkeypatch
):
    def fail(module, path, **_):
        pathlib.Path(path).mkdir()
        raise error

    monkeypatch.setattr(tf.saved_model, "save", fail)
    match = "cannot write .*out.*Nothing was exported"
    refuses(match, tmp_path, config, checkpoint, tmp_path / "out")


def test_bad_arguments(config, checkpoint, ready, tmp_path, monkeypatch):
    output = tmp_path / "out"
    refuses(
        "image_tensr.*image_tensor",
        tmp_path,
        config,
        checkpoint,
        output,
        input_type="image_tensr",
    )
    for name in ("", "a/b", "..", "."):
        refuses("model name", tmp_path, config, checkpoint, output, name=name)
    refuses("versions", tmp_path, config, checkpoint, output, version=-1)
    refuses("63 bits", tmp_path, config, checkpoint, output, version=2**63)
    refuses("no checkpoint", tmp_path, config, tmp_path / "ckpt-9", output)
    (output / "something").mkdir(parents=True)
    refuses("exists already", tmp_path, config, checkpoint, output)
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "out"
    refuses("cannot write .*file is a file", tmp_path, config, checkpoint, below)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    below = tmp_path / "new" / "out"
    refuses("may not be written to", tmp_path, config, checkpoint, below)


def test_without_label_map_into_an_empty_folder(
    config, checkpoint, ready, tmp_path, caplog, monkeypatch
):
    """As the old exporter: neither is needed."""
    monkeypatch.chdir(tmp_path)
    elsewhere = type(config)()
    elsewhere.CopyFrom(config)
    for reader in (elsewhere.train_input_reader, elsewhere.eval_input_reader[0]):
        reader.label_map_path = "PATH_TO_BE_CONFIGURED"
    (tmp_path / "out").mkdir()
    with caplog.at_level("WARNING", logger="absl"):
        export(elsewhere, checkpoint, "out")
    assert "without a label map: there is no PATH_TO_BE_CONFIGURED" in caplog.text
    assert not list((tmp_path / "out" / "saved_model").glob("assets/*"))
