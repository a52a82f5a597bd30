"""The worked examples of CONTRIBUTING.md run, and give values checked by hand."""

import pathlib
import re

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core import registry
from od_api.core.types import Assignment, Predictions, Reported, as_priors
from od_api.detectors.stage import predictions_of
from od_api.protos import (
    batch_scheme_pb2,
    column_pb2,
    grouping_pb2,
    keypoints_pb2,
    objective_pb2,
    suppression_pb2,
)

PAGE = (pathlib.Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")
CODER = FasterRcnnBoxCoder()
SCHEMAS = (
    batch_scheme_pb2,
    column_pb2,
    grouping_pb2,
    keypoints_pb2,
    objective_pb2,
    suppression_pb2,
)
PRIORS = np.float32([[0, 0, 10, 10], [0, 0, 10, 20], [50, 50, 60, 60]])


def message_of(text):
    """The message class of `message Name { optional float x = 1 [default = 1]; }`."""
    name = re.search(r"message (\w+)", text)[1]
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="example")
    message = file.message_type.add(name=name)
    for kind, field, number, default in re.findall(
        r"optional (float|int32) (\w+) = (\d+) \[default = (\w+)\]", text
    ):
        message.field.add(
            name=field,
            number=int(number),
            type={"float": 2, "int32": 5}[kind],
            label=1,
            default_value=default,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"example.{name}")
    )


@pytest.fixture
def example(monkeypatch):
    """A function: name of a class in the page -> (class, its message or None)."""
    monkeypatch.setattr(registry, "_PARTS", registry.registered())
    monkeypatch.setattr(registry, "_IGNORED", dict(registry._IGNORED))

    def run(name):
        messages = re.findall(r"```proto\n(message (\w+).*?)```", PAGE, re.DOTALL)
        made = {found: message_of(text) for text, found in messages}
        for schema in SCHEMAS:
            if name in made:
                monkeypatch.setattr(schema, name, made[name], raising=False)
        (code,) = [
            code
            for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
            if f"class {name}" in code
        ]
        space = {"__name__": "example"}
        exec(compile(code, "CONTRIBUTING.md", "exec"), space)
        return space[name], made.get(name)

    return run


def predictions(logits, codes=None, priors=PRIORS):
    codes = np.zeros([len(logits), 3, 4]) if codes is None else codes
    outputs = {
        "class_logits": tf.cast(logits, tf.float32),
        "box_codes": tf.cast(codes, tf.float32),
    }
    shapes = tf.fill([len(logits), 2], 100)
    return predictions_of(outputs, as_priors(priors), CODER, (100, 100), shapes)


def test_every_example_is_run():
    names = re.findall(r"```python.*?class (\w+)", PAGE, re.DOTALL)
    assert names == [
        "IouColumn",
        "CheapestPriorObjective",
        "CenterDistanceNms",
        "BrightenScheme",
        "PointStage",
        "CenterGrouping",
        "CenterHead",
    ]


def test_column(example):
    """The second prior, of twice the object's area, has an IoU of 1/2 with it."""
    kind, message = example("IouColumn")
    column = registry.build(message())
    assert type(column) is kind and column.weight == 1
    targets = kit.make_targets(PRIORS[None, :1])
    label = tf.constant([[1, 1, 0]])
    assignment = Assignment(tf.zeros_like(label), label, tf.zeros(label.shape))
    found = predictions(np.zeros([1, 3, 2]))
    target = column.target(found.priors, assignment, targets, found)
    np.testing.assert_allclose(target, [[[1], [0.5], [0]]])
    np.testing.assert_allclose(column.score(tf.zeros([1, 1, 1])), 0.5)
    loss = column.loss(tf.zeros([1, 3, 1]), target)
    np.testing.assert_allclose(loss, np.full([1, 3], np.log(2)), rtol=1e-6)


def cheapest(example, **options):
    _, message = example("CheapestPriorObjective")
    return registry.build(
        message(**options), num_classes=2, box_coder=CODER, add_background_class=False
    )


def test_objective(example):
    """Logits 0: the first prior costs log 2, the others .5 and 1 more.

    The two others are background: 2 classes of log 2 each.
    """
    losses = cheapest(example)(
        predictions(np.zeros([1, 3, 2])), kit.make_targets(PRIORS[None, :1])
    )
    np.testing.assert_allclose(losses["object_loss"], np.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses["background_loss"], 4 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [None, True])
def test_objective_of_every_case_of_targets(example, jit_compile):
    objective = cheapest(example, box_weight=2)
    rng = np.random.default_rng(0)
    logits, codes = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 4))

    def total(logits, codes, targets):
        losses = objective(predictions(logits, codes), targets)
        return tf.add_n(list(losses.values()))

    for name, targets in kit.target_cases().items():
        call = tf.function(total, jit_compile=jit_compile)
        value = call(np.float32(logits), np.float32(codes), targets)
        assert np.isfinite(value), name
        kit.check_gradients(
            lambda a, b, t=targets: total(a, b, t),
            np.float32(logits),
            np.float32(codes),
        )


def test_objective_without_objects_is_background(example):
    nothing = kit.make_targets(np.zeros([2, 0, 4]))
    losses = cheapest(example)(predictions(np.zeros([2, 3, 2])), nothing)
    assert losses["object_loss"] == 0
    np.testing.assert_allclose(losses["background_loss"], 12 * np.log(2), rtol=1e-6)


def test_stage(example):
    """It predicts as every stage; the next one starts at the boxes' centres."""
    kind, _ = example("PointStage")
    outputs = {"class_logits": tf.zeros([1, 3, 2]), "box_codes": tf.zeros([1, 3, 4])}
    stage = kind(
        head=lambda features, training: outputs,
        anchors=lambda shapes, image_shape: as_priors(PRIORS),
        box_coder=CODER,
        objective=lambda found, targets, seed: {"a": tf.reduce_sum(found.class_logits)},
    )
    maps = {"C4": tf.zeros([1, 1, 3, 8])}
    found = stage.predict(maps, (100, 100), tf.constant([[100, 100]]))
    assert isinstance(found, Predictions)
    assert list(stage.losses(found, None)) == ["a"]
    after = stage.predict(
        maps, (100, 100), tf.constant([[100, 100]]), priors=stage.refined(found)
    )
    centers = [[[5, 5, 5, 5], [5, 10, 5, 10], [55, 55, 55, 55]]]
    np.testing.assert_allclose(after.priors.boxes, centers, atol=1e-4)


@pytest.mark.parametrize(
    ("distance", "kept"), [(5.0, [0, 2]), (7.0, [0]), (3.0, [0, 1, 2])]
)
def test_suppression(example, distance, kept):
    """Centres 3 apart in a row: at 5 the first removes the second, at 7 both."""
    part, message = example("CenterDistanceNms")
    boxes = np.float32([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]])
    scores = np.float32([[0.9, 0.8, 0.7]])
    found = part(distance=distance).suppress(boxes[None], scores, {}, 3, 0.0)
    assert found.rows[0, : len(kept)].numpy().tolist() == kept
    assert np.isfinite(found.scores).sum() == len(kept)
    assert registry.build(message()).distance == 10.0


def test_batch_scheme(example):
    """Losses of 3 + 1 are above 2: the next batch is brighter, up to 255."""
    _, message = example("BrightenScheme")
    scheme = registry.build(message(threshold=2))
    scheme.create_variables()
    batch = {"image": tf.constant([100.0, 200.0]), "valid": tf.constant(True)}
    seed = tf.constant([1, 2])
    np.testing.assert_array_equal(scheme(batch, seed)["image"], [100, 200])
    report = [Reported(tf.constant([[x, 1.0]]), None) for x in (2.0, 0.0)]
    scheme.observe(scheme.measured(report, None))
    assert scheme.variables["loss"].numpy() == 4
    np.testing.assert_array_equal(scheme(batch, seed)["image"], [150, 255])


def test_grouping(example):
    """The peak of cell (1, 2), .8, is 2 x 3 cells of 4 pixels around (6, 10)."""
    _, message = example("CenterGrouping")
    heat, size = np.full([1, 3, 4, 2], -9.0), np.zeros([1, 3, 4, 2])
    heat[0, 1, 2, 1], size[0, 1, 2] = np.log(4), [2, 3]
    maps = {"heat": np.float32(heat), "size": np.float32(size)}
    maps = {name: tf.constant(x) for name, x in maps.items()}
    grouping = registry.build(message(max_boxes=50))
    found = kit.check_graph(lambda m: grouping(m, 4), maps)
    np.testing.assert_allclose(found.boxes[0, 0], [2, 4, 10, 16], atol=1e-5)
    np.testing.assert_allclose(found.scores[0, 0], [0, 0.8], rtol=1e-6)
    assert found.boxes.shape == (1, 50, 4) and not found.valid[0, -1]
    assert registry.build(message()).max_boxes == 100


def test_keypoint_head(example):
    _, message = example("CenterHead")
    head = registry.build(message(depth=8), num_classes=3)
    made = head({"P2": tf.zeros([2, 5, 6, 4])})
    assert made["P2"]["heat"].shape == (2, 5, 6, 3)
    assert made["P2"]["size"].shape == (2, 5, 6, 2)
    # A convolution of 4 to 8 without a norm, and 1x1 ones of 3 and 2 outputs.
    assert head.count_params() == 2 * (9 * 4 * 8 + 8) + 8 * 5 + 5
