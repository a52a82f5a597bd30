"""What boxes are to be called: by hand, from records, and learnt."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from od_api.config_check import NAMES, check_config
from od_api.core.registry import build_field
from od_api.data.batch_fields import numeric, targets_of
from od_api.data.class_scores import merged, scored
from od_api.data.inputs import TrainingInput
from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.records import ShardedWriter


def sample(boxes, classes, **more):
    """A sample of an image of 100 x 200 pixels."""
    boxes = tf.reshape(tf.constant(boxes, tf.float32), [-1, 4])
    return {
        "image": tf.zeros([100, 200, 3]),
        "boxes": boxes,
        "classes": tf.constant(classes, tf.int32),
        "weights": tf.range(1.0, len(classes) + 1),
        "source_id": tf.constant("a"),
        **more,
    }


ONE, OTHER = [10.0, 20, 30, 40], [0.0, 0, 50, 50]


def test_boxes_of_one_place_are_one():
    """Classes 3 and 1 of the first place, 2 of the other; the first rows stay."""
    found = merged(sample([ONE, OTHER, ONE], [3, 2, 1]), 4)
    np.testing.assert_array_equal(found["boxes"], [ONE, OTHER])
    np.testing.assert_array_equal(found["class_scores"], [[0, 1, 0, 1], [0, 0, 1, 0]])
    np.testing.assert_array_equal(found["classes"], [1, 2])
    np.testing.assert_array_equal(found["weights"], [1, 2])


def test_how_near_one_place_is():
    """Rounding does not part them: .003 of 200 pixels is, .1 is not."""
    near, off = [10.0, 20.003, 30, 40], [10.0, 20.1, 30, 40]
    assert len(merged(sample([ONE, near, off], [0, 1, 2]), 3)["classes"]) == 2


def test_what_is_ignored_stays_apart():
    flags = tf.constant([True, False, False])
    found = merged(sample([ONE] * 3, [0, 1, 2], ignored=flags), 3)
    np.testing.assert_array_equal(found["class_scores"], [[1, 0, 0], [0, 1, 1]])
    np.testing.assert_array_equal(found["ignored"], [True, False])


def test_merging_once_is_merging_twice_and_no_class_is_lost():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 90, [5, 4])
    rows = rng.integers(0, 5, 30)
    classes = rng.integers(0, 7, 30)
    found = merged(sample(places[rows], classes), 7)
    assert tf.reduce_sum(found["class_scores"]) == len(
        set(zip(rows, classes, strict=True))
    )
    assert len(found["boxes"]) == len(set(rows))
    again = merged({k: v for k, v in found.items() if k != "class_scores"}, 7)
    np.testing.assert_array_equal(again["boxes"], found["boxes"])


def test_no_boxes():
    empty = sample([], [])
    assert merged(empty, 3)["class_scores"].shape == (0, 3)
    empty["multiclass_scores"] = tf.zeros([0, 0])
    assert scored(empty, 3)["class_scores"].shape == (0, 3)


def test_scores_of_the_record():
    """The class is the highest's; a record without scores has its classes'."""
    scores = tf.constant([[0.2, 0.7], [0.5, 0.1]])
    found = scored(sample([ONE, OTHER], [0, 1], multiclass_scores=scores), 2)
    np.testing.assert_array_equal(found["class_scores"], scores)
    np.testing.assert_array_equal(found["classes"], [1, 0])
    none = sample([ONE, OTHER], [0, 1], multiclass_scores=tf.zeros([2, 0]))
    np.testing.assert_array_equal(scored(none, 2)["class_scores"], [[1, 0], [0, 1]])


def test_scores_of_another_number_of_classes():
    three = sample([ONE], [0], multiclass_scores=tf.zeros([1, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="num_classes scores"):
        scored(three, 2)


@pytest.mark.parametrize(
    ("name", "field", "more", "says"),
    [
        ("ssd/ssd_mobilenet_v2_300x300_coco", "use_multiclass_scores",
         ["train_config.merge_multiple_label_boxes=true"], "remove one of the two"),
        ("techniques/ssd_resnet50_fpn_free_anchor", "merge_multiple_label_boxes", [],
         "needs the objective matched or"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_is_refused(name, field, more, says):
    overrides = [f"train_config.{field}=true", *more]
    record = check_config(f"configs/{name}.config", NAMES, overrides)
    assert record["outcome"] == "invalid", record
    assert f"train_config.{field}: " in record["message"]
    assert says in record["message"]


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Images of one bright rectangle that is both a cat and a dog, and never a cow."""
    data = tmp_path_factory.mktemp("twice")
    LabelMap.from_names(["cat", "dog", "cow", "d", "e"]).save(data / "label_map.pbtxt")
    rng = np.random.default_rng(0)
    with ShardedWriter(data / "scenes.record", 1) as writer:
        for i in range(8):
            top, left = rng.integers(0, 48, 2)
            pixels = np.full([96, 96, 3], 40, np.uint8)
            pixels[top : top + 48, left : left + 48] = 220
            box = (top / 96, left / 96, (top + 48) / 96, (left + 48) / 96)
            png = tf.io.encode_png(pixels).numpy()
            image = EncodedImage(png, "png", f"{i}.png", str(i), 96, 96)
            objects = Objects([box, box], ["cat", "dog"], [1, 2])
            writer.write(make_example(image, objects))
    return data


def trained(folder, data, *overrides, steps=40):
    """(detector, a batch) after `steps` steps on the records of `twice`."""
    keras.utils.set_random_seed(3)
    config = tiny.config_for(folder, data, *overrides)
    detector = build_field(config, "model")
    source = TrainingInput(config)
    weights = [w for part in detector.parts.values() for w in part.trainable_weights]
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(weights)

    @tf.function
    def step(batch):
        targets = targets_of(batch)
        with tf.GradientTape() as tape:
            seen = detector.call(batch["image"], batch["true_shape"], training=True)
            total = tf.add_n(list(detector.losses(seen, targets).values()))
        gradients = tape.gradient(total, [w.value for w in weights])
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return total

    batches = source.training_dataset(detector, tf.constant(0, tf.int64))
    for batch in batches.take(steps):
        assert np.isfinite(step(numeric(batch)))
    return detector, batch


@pytest.mark.parametrize("merge", [True, False])
def test_both_classes_of_a_box_are_learnt(twice, tmp_path, merge):
    """Not without merging: a prior then learns one of the two boxes in its place."""
    setting = f"train_config.merge_multiple_label_boxes={str(merge).lower()}"
    detector, batch = trained(tmp_path, twice, setting)
    assert batch["boxes"].shape[1] == 100
    assert int(tf.reduce_sum(tf.cast(batch["valid"], tf.int32))) == (4 if merge else 8)
    seen = detector.call(batch["image"], batch["true_shape"], training=True)
    scores = detector.scores(seen)[..., 1:]
    highest = np.mean(tf.reduce_max(scores, axis=1), axis=0)
    assert highest[0] > 0.7 and highest[2] < 0.3, highest
    assert highest[1] > 0.7 if merge else highest[1] < 0.3, highest
