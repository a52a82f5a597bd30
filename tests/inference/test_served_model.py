"""Served models: a server in this process, over REST and gRPC, as a detector."""

import contextlib
import json
import socket
import sys
import types
import urllib.error
import urllib.request

import bright_rectangle
import model_server
import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
from PIL import Image

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.export import export
from od_api.inference import served_address
from od_api.inference.served_model import ServedModel

HUNDRED = [
    "model.ssd.post_processing.batch_non_max_suppression.max_total_detections=100",
    "model.ssd.post_processing.batch_non_max_suppression.max_detections_per_class=100",
    "model.ssd.post_processing.batch_non_max_suppression.score_threshold=1e-8",
]
PROTOCOLS = ("rest", "grpc")


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A tiny SSD of up to 100 detections."""
    folder = tmp_path_factory.mktemp("served")
    config = tiny.config_for(folder, tiny.make_data(folder, num_images=1), *HUNDRED)
    checkpoint = random_checkpoint.write(config, folder / "model")
    export(config, checkpoint, folder / "exported")
    return folder / "exported"


class Files(bright_rectangle.BrightRectangle):
    """Takes files, and has no signature but the default one, as an older export."""

    def __init__(self):
        super().__init__()
        spec = tf.TensorSpec([None], tf.string, "input_tensor")
        self.found = tf.function(self._of_files, input_signature=[spec])

    def _of_files(self, input_tensor):
        check = tf.debugging.Assert(
            tf.size(input_tensor) > 0, ["input_tensor is empty"]
        )
        with tf.control_dependencies([check]):
            images = tf.map_fn(
                lambda text: tf.io.decode_png(text, channels=3),
                input_tensor,
                fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
            )
        raw = tf.fill([tf.size(input_tensor), 2000, 6], 0.123456789)
        return {**self._found(images), "raw_detection_scores": raw}


class NoDetector(tf.Module):
    def __init__(self):
        super().__init__()
        spec = tf.TensorSpec([None, None, None, 3], tf.uint8, "images")
        self.found = tf.function(lambda x: {"size": tf.size(x)}, input_signature=[spec])


@pytest.fixture(scope="module")
def models(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    masks = np.ones([1, 4, 15, 15], np.float32)
    others = {
        "floats": bright_rectangle.BrightRectangle(dtype=tf.float32),
        "masks": bright_rectangle.BrightRectangle(masks=masks),
        "files": Files(),
        "none": NoDetector(),
    }
    for name, module in others.items():
        signatures = {"serving_default": module.found}
        tf.saved_model.save(module, str(folder / name / "3"), signatures=signatures)
    folders = {name: folder / name for name in others}
    return model_server.Models({**folders, "detector": exported / "serving/detector"})


@pytest.fixture(scope="module")
def sizes():
    """[(path, bytes)] of the answers of the REST server."""
    return []


@pytest.fixture(scope="module")
def rest(models, sizes):
    with model_server.rest_server(models, sizes) as url:
        yield url


@pytest.fixture(scope="module")
def grpc_port(models):
    pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    with model_server.grpc_server(models) as server:
        yield server


@pytest.fixture(params=PROTOCOLS)
def address(request):
    """{model's name: its address} in each protocol."""
    if request.param == "rest":
        return f"{request.getfixturevalue('rest')}/v1/models/{{}}".format
    return f"grpc://{request.getfixturevalue('grpc_port')}/{{}}".format


def test_the_same_boxes_as_of_the_model_that_is_served(exported, address):
    """Of images of two sizes, one after the other and two at once."""
    config = exported / "pipeline.config"
    local = od_api.load(exported)
    served = od_api.load(address("detector"), label_map_path=config)
    assert served.names == local.names and "detector" in repr(served)
    images = [*pixels(2, 70, 90, 3), pixels(96, 96, 3, seed=1)]
    want = local(images, threshold=0)
    for found in (
        served(images, threshold=0),
        served(images, threshold=0, batch_size=2),
    ):
        for ours, theirs in zip(found, want, strict=True):
            assert len(ours) == len(theirs) > 50
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
            np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-2)
            together = [np.c_[d.boxes / 96, d.scores] for d in (ours, theirs)]
            np.testing.assert_allclose(*together, atol=1e-4)
            np.testing.assert_array_equal(ours.names, theirs.names)


def test_the_command_writes_what_detect_writes(exported, address, tmp_path):
    for number in range(2):
        image = Image.fromarray(pixels(80, 100, 3, seed=number))
        image.save(tmp_path / f"{number}.png")
    files = [str(tmp_path / f"{number}.png") for number in range(2)]
    where = address("detector")
    server = ["--grpc", where.split("/")[2]] if "grpc" in where else ["--rest", where]
    label_map = next((exported / "saved_model" / "assets").iterdir())
    more = ["--min-score", "0.01", "--label-map", str(label_map), "--output"]
    assert cli.main(["detect", str(exported), *files, *more, f"{tmp_path}/here"]) == 0
    assert cli.main(["client", *server, *files, *more, f"{tmp_path}/there"]) == 0
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert names == {path.name for path in (tmp_path / "there").iterdir()}
    assert "0_detections.jpg" in names
    here, there = (
        json.loads((tmp_path / side / "detections.json").read_text())
        for side in ("here", "there")
    )
    assert len(here) == len(there) > 10
    for ours, theirs in zip(there, here, strict=True):
        assert ours["category_id"] == theirs["category_id"]
        np.testing.assert_allclose(ours["score"], theirs["score"], atol=1e-5)
        np.testing.assert_allclose(ours["bbox"], theirs["bbox"], atol=2e-3)


def test_an_answer_of_100_detections_is_small(rest, sizes):
    """Below 20 KB; the default signature's has the raw outputs, too. As many bytes
    are all that 100 rows can have: six numbers of at most 16 characters."""
    model = ServedModel(f"{rest}/v1/models/detector")
    sizes.clear()
    (found,) = model(pixels(1, 96, 96, 3))
    ((path, size),) = sizes
    assert path == "/v1/models/detector:predict" and size < 20_000
    assert len(found["detection_scores"]) > 50
    assert not [name for name in found if name.startswith("raw")]
    longest = np.full([1, 100], -1.23456786e-10, np.float32)
    rows = {
        "detection_boxes": np.repeat(longest[..., None], 4, axis=2),
        "detection_scores": longest,
        "detection_classes": longest,
        "num_detections": longest[:, 0],
    }
    assert 10_000 < len(model_server.to_json({"outputs": rows})) < 20_000


def test_rows_and_columns_are_the_same(rest):
    """Both formats of REST, of both signatures."""

    def asked(**request):
        return post(f"{rest}/v1/models/detector:predict", request)

    images = pixels(2, 20, 30, 3).tolist()
    columns = asked(inputs={"input_tensor": images}, signature_name="detections")
    rows = asked(instances=images, signature_name="detections")["predictions"]
    whole = asked(instances=[{"input_tensor": i} for i in images])["predictions"]
    assert set(rows[0]) < set(whole[0]) and "raw_detection_boxes" in whole[0]
    for name, values in columns["outputs"].items():
        np.testing.assert_array_equal([row[name] for row in rows], values)
        np.testing.assert_allclose([row[name] for row in whole], values, atol=1e-6)


def post(url, request):
    body = json.dumps(request).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
        return json.load(response)


def test_the_server_is_warm(models):
    """The export's requests have been answered, one of each signature."""
    _, version = models.version("detector")
    assert version.warmed == ["serving_default", "detections"]


@pytest.mark.parametrize("name", ["floats", "files", "masks"])
def test_images_are_sent_as_the_model_wants_them(name, address):
    """The bright rectangle, exactly: files lose nothing; with the same masks."""
    model = ServedModel(address(name))
    scene = bright_rectangle.scene()
    found = model(np.stack([scene, scene]))
    assert len(found) == 2 and ("detection_masks" in found[1]) == (name == "masks")
    want = np.array(bright_rectangle.BOX) / [40, 60, 40, 60]
    np.testing.assert_allclose(found[1]["detection_boxes"][0], want, atol=1e-6)
    np.testing.assert_allclose(found[1]["detection_scores"], [0.9, 0.6, 0.3], atol=1e-6)


def test_what_is_not_there_is_named(address):
    with pytest.raises(UserError, match=r"detektor: the server says: Servable not fou"):
        ServedModel(address("detektor"))
    with pytest.raises(UserError, match=r"Specific\(detector, 9\).*or version"):
        ServedModel(address("detector/versions/9"))
    with pytest.raises(UserError, match=r"no output detection_boxes.*is no detector"):
        ServedModel(address("none"))
    with pytest.raises(
        UserError, match=r"carries no label map: name one, or the model"
    ):
        od_api.load(address("detector"))


def test_a_model_that_is_loading(models, address, monkeypatch):
    monkeypatch.setitem(models.states["detector"], 1, "LOADING")
    with pytest.raises(UserError, match=r"not ready: version 1 is LOADING: try again"):
        ServedModel(address("detector"))


def test_batches_that_are_none(address):
    model = ServedModel(address("detector"))
    with pytest.raises(UserError, match=r"no image in a batch of shape \[0, 8, 8, 3\]"):
        model(np.zeros([0, 8, 8, 3], np.uint8))
    with pytest.raises(UserError, match=r"are uint8 .*, not float32 \[1, 8, 8, 3\]"):
        model(np.zeros([1, 8, 8, 3], np.float32))


def test_what_the_server_refuses(address):
    """What other clients read: an empty batch in the model's words (JSON has no pixels
    without an image, but files), another type in the server's."""
    in_json = "http" in address("")
    name, empty = (
        ("files", []) if in_json else ("detector", np.zeros([0, 8, 8, 3], "u1"))
    )
    refused = refusals(address(name), "serving_default")
    with pytest.raises(UserError, match=r"the server says: .*input_tensor is empty"):
        refused(empty)
    refused = refusals(address("detector"), "detections")
    with pytest.raises(UserError, match=r"5 Type.*: uint8|to be uint8 but float32 is"):
        refused(np.full([1, 8, 8, 3], 0.5, np.float32))
    with pytest.raises(UserError, match='Serving signature key "other" not found'):
        refusals(address("detector"), "other")(pixels(1, 8, 8, 3))


def refusals(address, signature):
    client = ServedModel(address)._client
    wanted = ["detection_boxes"]
    return lambda value: client.predict(signature, {"input_tensor": value}, wanted)


def test_an_answer_that_is_too_large(rest, grpc_port, monkeypatch):
    """An older export's raw outputs; in gRPC they are not asked for."""
    monkeypatch.setattr(served_address, "LARGEST_ANSWER", 2**14)
    scene = bright_rectangle.scene()[None]
    model = ServedModel(f"{rest}/v1/models/files")
    with pytest.raises(UserError, match="larger than 0 MiB: export the model anew"):
        model(scene)
    model = ServedModel(f"grpc://{grpc_port}/files")
    assert len(model(scene)) == 1
    with pytest.raises(UserError, match="larger than 0 MiB"):
        files = {"input_tensor": [png(scene[0])]}
        model._client.predict("serving_default", files, ["raw_detection_scores"])


def png(image):
    return tf.io.encode_png(image).numpy()


@contextlib.contextmanager
def silent_port():
    """Of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "form", ["http://127.0.0.1:{}/v1/models/m", "grpc://127.0.0.1:{}/m"]
)
def test_nobody_there(form):
    if form.startswith("grpc"):
        pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    with (
        silent_port() as port,
        pytest.raises(UserError, match=r"not answered within 0.2 seconds.*--timeout"),
    ):
        ServedModel(form.format(port), timeout=0.2)
    with pytest.raises(UserError, match=r"no server answers at .* its port be that of"):
        ServedModel(form.format(port), timeout=5)


def test_a_port_of_the_other_protocol(rest, grpc_port):
    with pytest.raises(UserError, match="no server answers"):
        ServedModel(f"http://{grpc_port}/v1/models/detector", timeout=5)
    with pytest.raises(UserError, match="no server answers"):
        ServedModel(f"grpc://{rest.removeprefix('http://')}/detector", timeout=5)


def test_answers_of_another_server(rest, monkeypatch):
    model = ServedModel(f"{rest}/v1/models/detector")
    for text in ("<html>", "[]", '{"outputs": [1, 2]}', '{"outputs": {}}'):
        monkeypatch.setattr(model_server, "answered", lambda *_, text=text: text)
        with pytest.raises(
            UserError, match="does not answer as TensorFlow Serving does"
        ):
            model(pixels(1, 8, 8, 3))
        with pytest.raises(
            UserError, match="does not answer as TensorFlow Serving does"
        ):
            ServedModel(f"{rest}/v1/models/detector")


def test_grpc_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    for name in list(sys.modules):
        if name.startswith("tensorflow_serving."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grpc", types.ModuleType("grpc"))
    sys.modules["grpc"].insecure_channel = lambda *_: None
    with pytest.raises(UserError, match=r"pip install 'od-api\[client\]'"):
        ServedModel("grpc://127.0.0.1:8500/m")


def test_settings_of_models_that_are_here(exported, rest):
    address = f"{rest}/v1/models/detector"
    for name, value in (("checkpoint", "best"), ("threads", 2)):
        with pytest.raises(UserError, match=f"is a server, which has its own {name}"):
            od_api.load(address, **{name: value})
    with pytest.raises(UserError, match="a timeout is for servers"):
        od_api.load(exported, timeout=3)
    with pytest.raises(UserError, match="the timeout is 0: it must be seconds"):
        od_api.load(address, timeout=0)
