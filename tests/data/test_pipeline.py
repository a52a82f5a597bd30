"""Batches: contents, padding, order, exact resume, mixing and sharding."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf

from od_api.augment import _geometry
from od_api.augment.random_horizontal_flip import RandomHorizontalFlip
from od_api.core.errors import ConfigError, UserError
from od_api.data.batch_fields import targets_of
from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.order import Part
from od_api.data.pipeline import make_dataset
from od_api.data.preparation import Recipe
from od_api.data.records import ShardedWriter, expand
from od_api.protos import input_reader_pb2
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer
from od_api.resizers.identity_resizer import IdentityResizer
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer

LABELS = LabelMap.from_names(["cat", "dog"])
SMALL = FixedShapeResizer(height=8, width=8)


def example(index, boxes=((0.0, 0.0, 0.5, 0.25),), height=8, width=16, **more):
    """An image of one colour, `index`, with boxes of alternating classes."""
    pixels = tf.fill([height, width, 3], tf.constant(index, tf.uint8))
    ids = [1 + i % 2 for i in range(len(boxes))]
    texts = [LABELS.name(i) for i in ids]
    png = tf.io.encode_png(pixels).numpy()
    image = EncodedImage(png, "png", f"{index}.png", str(index), height, width)
    return make_example(image, Objects(boxes, texts, ids, **more))


def write(prefix, examples, num_shards=1):
    with ShardedWriter(prefix, num_shards) as writer:
        for record in examples:
            writer.write(record)
    return writer.paths


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Pattern of 13 records 0..12 in 4 files."""
    prefix = tmp_path_factory.mktemp("numbered") / "x"
    write(prefix, map(example, range(13)), 4)
    return f"{prefix}-?????-of-00004"


def reader_of(*paths, **settings):
    settings.setdefault("max_number_of_boxes", 3)
    return input_reader_pb2.InputReader(
        tf_record_input_reader={"input_path": [str(p) for p in paths]}, **settings
    )


def batches(reader, training=True, batch_size=2, resizer=SMALL, **settings):
    settings.setdefault("seed", 7)
    part = {name: settings.pop(name) for name in Part._fields if name in settings}
    return make_dataset(
        reader,
        Recipe(resizer, num_classes=2, label_map=LABELS, **settings),
        batch_size=batch_size,
        training=training,
        part=Part(**part),
    )


def numbers(dataset, count=None):
    """The images' numbers in the order in which they come."""
    ids = [b["source_id"].numpy() for b in itertools.islice(dataset, count)]
    return [int(i) for batch in ids for i in batch]


def fading(sample, seed):
    """An augmentation that shows its seed: noise of -1..1 on the image."""
    noise = tf.random.stateless_uniform([], seed, -1.0, 1.0)
    return {**sample, "image": sample["image"] + noise}


def test_a_training_batch(tmp_path):
    """8x16 to 8x8: rows keep, columns halve. The box 0 0 .5 .25 is 4 by 4, then 4 by 2.

    The second image's fourth box is beyond G = 3, its second has no extent.
    """
    boxes = [(0, 0, 1, 1), (0.5, 0.5, 0.5, 0.75), (0, 0.5, 0.5, 1), (0.5, 0, 1, 0.5)]
    paths = write(tmp_path / "x", [example(3), example(4, [*boxes, (0, 0, 0.5, 0.5)])])
    batch = next(iter(batches(reader_of(*paths, shuffle=False))))
    assert batch["image"].shape == (2, 8, 8, 3) and batch["image"].dtype == tf.float32
    np.testing.assert_array_equal(batch["image"][:, 0, 0, 0], [3, 4])
    assert batch["true_shape"].numpy().tolist() == [[8, 8], [8, 8]]
    assert batch["original_shape"].numpy().tolist() == [[8, 16], [8, 16]]
    np.testing.assert_allclose(
        batch["boxes"],
        [
            [[0, 0, 4, 2], [0, 0, 0, 0], [0, 0, 0, 0]],
            [[0, 0, 8, 8], [0, 4, 4, 8], [4, 0, 8, 4]],
        ],
    )
    assert batch["classes"].numpy().tolist() == [[0, 0, 0], [0, 0, 1]]
    assert batch["weights"].numpy().tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch["valid"].numpy().tolist() == [[True, False, False], [True] * 3]
    assert batch["source_id"].numpy().tolist() == [b"3", b"4"]
    assert batch["image_id"].dtype == tf.int64 and "area" not in batch


def doubled(sample, seed):
    """An augmentation that makes images twice as high and wide."""
    return _geometry.resize(sample, 16, 32)


@pytest.mark.parametrize("training", [True, False])
def test_crowds_stay_with_their_boxes(tmp_path, training):
    """The flip and the boxes without extent, which are left out, move no flag.

    The scale is of areas: 8 x 16 pixels become 8 x 8.
    """
    boxes = [(0, 0, 1, 1), (0.5, 0.5, 0.5, 0.75), (0, 0.5, 0.5, 1)]
    crowds = example(4, boxes, is_crowd=[False, False, True])
    paths = write(tmp_path / "x", [example(3), crowds])
    flip = RandomHorizontalFlip(probability=1.0)
    made = batches(reader_of(*paths, shuffle=False), training, augmentations=[flip])
    targets = targets_of(next(iter(made)))
    wanted = [False, True, False] if training else [False, False, True]
    assert targets.ignored.numpy().tolist() == [[False] * 3, wanted]
    rows = targets.boxes.numpy()[targets.ignored.numpy()].tolist()
    assert rows == [[0, 0, 4, 4]]
    assert targets.objects.numpy().sum() == targets.valid.numpy().sum() - 1
    np.testing.assert_allclose(targets.scale, [0.5**0.5] * 2, rtol=1e-6)


def test_the_scale_counts_from_the_file(tmp_path):
    paths = write(tmp_path / "x", [example(3)])
    made = batches(reader_of(*paths), augmentations=[doubled], batch_size=1)
    targets = targets_of(next(iter(made)))
    np.testing.assert_allclose(targets.scale, [0.5**0.5], rtol=1e-6)
    made = batches(reader_of(*paths), resizer=IdentityResizer(), batch_size=1)
    assert targets_of(next(iter(made))).scale.numpy().tolist() == [1]
    made = batches(
        reader_of(*paths),
        augmentations=[doubled],
        resizer=IdentityResizer(),
        batch_size=1,
    )
    assert targets_of(next(iter(made))).scale.numpy().tolist() == [2]


def test_training_shapes_are_static(numbered):
    spec = batches(reader_of(numbered)).element_spec
    assert spec["image"].shape == (2, 8, 8, 3)
    assert spec["boxes"].shape == (2, 3, 4) and spec["valid"].shape == (2, 3)
    assert spec["true_shape"].shape == (2, 2)


def test_evaluation_has_every_record_and_every_box(tmp_path):
    """Five boxes though max_number_of_boxes is 3; an image without any; a rest of 1."""
    many = [(0, 0, 0.1 * i, 0.5) for i in range(1, 6)]
    records = [example(0, many), example(1, []), example(2, [])]
    paths = write(tmp_path / "x", records)
    found = list(batches(reader_of(*paths), training=False))
    assert [b["boxes"].shape for b in found] == [(2, 5, 4), (1, 1, 4)]
    assert found[0]["valid"].numpy().tolist() == [[True] * 5, [False] * 5]
    assert found[1]["valid"].numpy().tolist() == [[False]]
    np.testing.assert_allclose(
        found[0]["area"][0], [6.4, 12.8, 19.2, 25.6, 32], rtol=1e-5
    )


def test_evaluation_keeps_the_order_of_the_files(numbered):
    """Files hold 0 4 8 12, 1 5 9, 2 6 10, 3 7 11; shuffle is true by default."""
    expected = [0, 4, 8, 12, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    reader = reader_of(numbered)
    assert numbers(batches(reader, training=False, batch_size=5)) == expected
    reader.sample_1_of_n_examples = 4
    assert numbers(batches(reader, training=False)) == [0, 1, 6, 11]
    reader.sample_1_of_n_examples = 1
    parts = [numbers(batches(reader, training=False, shard=(i, 3))) for i in range(3)]
    assert (
        sorted(itertools.chain(*parts)) == list(range(13))
        and parts[1] == expected[1::3]
    )


def test_crowds_and_difficult_ones_are_told(tmp_path):
    record = example(0, [(0, 0, 1, 1)] * 2, is_crowd=[1, 0], difficult=[0, 1])
    paths = write(tmp_path / "x", [record])
    batch = next(iter(batches(reader_of(*paths), training=False)))
    assert batch["is_crowd"].numpy().tolist() == [[True, False]]
    assert batch["difficult"].numpy().tolist() == [[False, True]]


def test_known_classes_and_groups_are_there_in_evaluation(tmp_path):
    """Two classes; ids that the model does not have are passed over, and an image whose
    classes are all unknown is not one of which nobody said anything."""
    lists = {"verified": "class/label", "not_exhaustive": "not_exhaustive_category_ids"}
    given = [{"verified": [2, 7]}, {"verified": [7]}, {"not_exhaustive": [1]}]
    records = [example(i, [(0, 0, 1, 1)] * 2) for i in range(3)]
    for record, values in zip(records, given, strict=True):
        feature = record.features.feature
        feature["image/object/group_of"].int64_list.value.extend([0, 1])
        for name, numbers in values.items():
            feature[f"image/{lists[name]}"].int64_list.value.extend(numbers)
    paths = write(tmp_path / "x", records)
    reader = reader_of(*paths)
    batch = next(iter(batches(reader, training=False, batch_size=3)))
    got = {name: value.numpy().tolist() for name, value in batch.items()}
    assert got["verified_classes"] == [[False, True], [False] * 2, [False] * 2]
    assert got["any_verified"] == [True, True, False]
    assert got["not_exhaustive_classes"] == [[False] * 2, [False] * 2, [True, False]]
    assert got["negative_classes"] == [[False] * 2] * 3
    assert got["group_of"] == [[False, True]] * 3
    trained = next(iter(batches(reader, seed=1)))
    assert not {"group_of", "any_verified", "verified_classes"} & set(trained)


def test_boxes_of_classes_beyond_the_model_are_left_out(tmp_path):
    paths = write(tmp_path / "x", [example(0, [(0, 0, 1, 1)] * 2)])
    data = make_dataset(
        reader_of(*paths),
        Recipe(SMALL, num_classes=1, label_map=LABELS),
        batch_size=1,
        training=False,
    )
    assert next(iter(data))["classes"].numpy().tolist() == [[0]]


def test_every_epoch_is_another_order_of_all_records(numbered):
    order = numbers(batches(reader_of(numbered), batch_size=13), 3)
    epochs = [order[:13], order[13:26], order[26:]]
    assert all(sorted(epoch) == list(range(13)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_same_seed_same_batches_whatever_the_global_seed(numbered):
    settings = {"augmentations": [fading, fading], "batch_size": 3}
    tf.random.set_seed(1)
    first = list(batches(reader_of(numbered), **settings).take(9))
    tf.random.set_seed(2)
    second = list(batches(reader_of(numbered), **settings).take(9))
    for one, other in zip(first, second, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    other = numbers(batches(reader_of(numbered), seed=8, batch_size=3), 9)
    assert other != [int(i) for b in first for i in b["source_id"].numpy()]


@pytest.mark.parametrize("start", [4, 11])
def test_resuming_goes_on_as_if_nothing_had_happened(numbered, start):
    """Batches of 3 over epochs of 13: the steps begin inside first and later epochs."""
    settings = {"augmentations": [fading], "batch_size": 3}
    whole = list(batches(reader_of(numbered), **settings).take(14))
    resumed = batches(reader_of(numbered), start_step=start, **settings)
    for one, other in zip(whole[start:], resumed, strict=False):
        np.testing.assert_array_equal(one["source_id"], other["source_id"])
        np.testing.assert_array_equal(one["image"], other["image"])


def test_every_sample_and_augmentation_has_its_own_seed(numbered):
    """Noise on 26 images (two epochs), by one augmentation and by the next."""

    def seeds(**settings):
        steps = [lambda s, k: {**s, "one": k}, lambda s, k: {**s, "two": k}]
        data = batches(
            reader_of(numbered), batch_size=1, augmentations=steps, **settings
        )
        spec = data.element_spec["one"]
        assert spec.dtype == tf.int32 and spec.shape == [1, 2]
        found = [b[name][0].numpy() for b in data.take(26) for name in ("one", "two")]
        return {tuple(seed) for seed in found}

    assert len(seeds()) == 52
    # Another worker draws other numbers for the same positions.
    assert not seeds() & seeds(shard=(1, 2))


def test_augmentation_that_empties_boxes(numbered):
    """A box without extent after augmentation is no ground truth."""

    def flatten(sample, seed):
        return {**sample, "boxes": sample["boxes"] * [1.0, 1.0, 0.0, 1.0]}

    batch = next(iter(batches(reader_of(numbered), augmentations=[flatten])))
    assert not batch["valid"].numpy().any()


def test_num_epochs_and_drop_remainder(numbered):
    reader = reader_of(numbered, num_epochs=2)
    assert len(numbers(batches(reader, batch_size=4))) == 24
    reader.drop_remainder = False
    order = numbers(batches(reader, batch_size=4))
    assert collections.Counter(order) == {i: 2 for i in range(13)}
    assert numbers(batches(reader, batch_size=4, start_step=6)) == order[24:]


def test_unshuffled_training_is_in_order(numbered):
    expected = [0, 4, 8, 12, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    order = numbers(batches(reader_of(numbered, shuffle=False), batch_size=1), 15)
    assert order == [*expected, 0, 4]


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_share_the_records(numbered, workers):
    """By files for 2 workers, by records for 5 (there are 4 files)."""
    reader = reader_of(numbered, num_epochs=1, drop_remainder=False)
    parts = [numbers(batches(reader, shard=(i, workers))) for i in range(workers)]
    assert sorted(itertools.chain(*parts)) == list(range(13)) and all(parts)


def test_workers_without_records_are_refused(tmp_path):
    paths = write(tmp_path / "x", [example(0)])
    with pytest.raises(ConfigError, match=r"no record .* for worker 1 of 2"):
        batches(reader_of(*paths), shard=(1, 2))
    empty = write(tmp_path / "empty", [])
    with pytest.raises(ConfigError, match="there is no record in"):
        batches(reader_of(*empty))


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    low = write(folder / "low", map(example, range(5)), 2)
    high = write(folder / "high", map(example, range(100, 103)))
    return ",".join(low), high[0]


def test_mixing_by_weight(two_sets):
    """Weights 3 and 1: of 800 images about 600 (standard deviation 12) are low."""
    reader = reader_of(*two_sets, sample_from_datasets_weights=[3.0, 1.0])
    order = numbers(batches(reader, batch_size=8), 100)
    assert abs(sum(i < 100 for i in order) - 600) < 50
    low = [i for i in order if i < 100]
    assert sorted(low[:5]) == sorted(low[5:10]) == list(range(5))
    resumed = batches(reader, batch_size=8, start_step=60)
    assert numbers(resumed, 40) == order[60 * 8 :]
    evaluated = numbers(batches(reader, training=False))
    assert evaluated == [0, 2, 4, 1, 3, 100, 101, 102]


def test_mixing_past_a_block_of_choices(two_sets):
    reader = reader_of(*two_sets, sample_from_datasets_weights=[1.0, 1.0])
    size = 1000
    order = numbers(batches(reader, batch_size=size), 6)
    assert numbers(batches(reader, batch_size=size, start_step=5), 1) == order[-size:]


def test_bad_weights(two_sets):
    for weights in ([1.0], [1.0, -1.0], [0.0, 0.0]):
        reader = reader_of(*two_sets, sample_from_datasets_weights=weights)
        with pytest.raises(ConfigError, match=r"weights .* for 2 input_path"):
            batches(reader)


def test_images_of_many_sizes_are_padded_to_the_largest(tmp_path):
    """Short sides become 4: 8x16 to 4x8, 16x8 to 8x4; together 8x8 with true shapes."""
    shapes = [(8, 16), (16, 8)]
    records = [example(i, height=h, width=w) for i, (h, w) in enumerate(shapes, 1)]
    paths = write(tmp_path / "x", records)
    resizer = KeepAspectRatioResizer(min_dimension=4, max_dimension=9)
    for training in (True, False):
        reader = reader_of(*paths, shuffle=False)
        batch = next(iter(batches(reader, training, resizer=resizer)))
        assert batch["image"].shape == (2, 8, 8, 3)
        assert batch["true_shape"].numpy().tolist() == [[4, 8], [8, 4]]
        expected = np.zeros((2, 8, 8))
        expected[0, :4], expected[1, :, :4] = 1, 2
        np.testing.assert_array_equal(batch["image"][..., 0], expected)
        np.testing.assert_allclose(
            batch["boxes"][:, 0], [[0, 0, 2, 2], [0, 0, 4, 1]], rtol=1e-6
        )


def masked_example(png):
    mask = np.zeros((8, 16), np.uint8)
    mask[:4, :8] = 1
    record = example(0, masks_png=[tf.io.encode_png(mask[..., None]).numpy()])
    if not png:
        feature = record.features.feature["image/object/mask"]
        feature.float_list.value.extend(mask.ravel().astype(float))
    return record


@pytest.mark.parametrize("png", [True, False])
def test_masks_are_resized_with_the_image_and_their_type_is_found(tmp_path, png):
    """PNG though the schema's default is NUMERICAL_MASKS: the old API failed there."""
    paths = write(tmp_path / "x", [example(1, []), masked_example(png)])
    reader = reader_of(*paths, load_instance_masks=True, shuffle=False)
    batch = next(iter(batches(reader)))
    assert batch["masks"].shape == (2, 3, 8, 8)
    expected = np.zeros((2, 3, 8, 8))
    expected[1, 0, :4, :4] = 1
    np.testing.assert_array_equal(batch["masks"], expected)


def test_stated_mask_type_that_is_wrong(tmp_path):
    paths = write(tmp_path / "x", [masked_example(png=True)])
    reader = reader_of(
        *paths, load_instance_masks=True, mask_type=input_reader_pb2.NUMERICAL_MASKS
    )
    with pytest.raises(ConfigError, match="masks of another type: PNG_MASKS"):
        batches(reader)


def test_keypoints_are_scaled(tmp_path):
    record = example(0)
    for axis in "yx":
        feature = record.features.feature[f"image/object/keypoint/{axis}"]
        feature.float_list.value.extend([0.5, 0.25])
    paths = write(tmp_path / "x", [record])
    reader = reader_of(*paths, num_keypoints=2)
    batch = next(iter(batches(reader, batch_size=1)))
    np.testing.assert_allclose(batch["keypoints"][0, 0], [[4, 4], [2, 2]])
    assert batch["keypoint_visibilities"].shape == (1, 3, 2)


def test_originals(numbered):
    data = batches(reader_of(numbered), augmentations=[fading], keep_originals=True)
    batch = next(iter(data))
    assert batch["original_image"].shape == (2, 8, 16, 3)
    number = int(batch["source_id"][0].numpy())
    assert np.unique(batch["original_image"][0]).tolist() == [number]


def test_targets(numbered):
    batch = next(iter(batches(reader_of(numbered))))
    targets = targets_of(batch)
    assert targets.boxes.shape == (2, 3, 4) and targets.classes.dtype == tf.int32
    assert targets.true_shapes.shape == (2, 2)
    np.testing.assert_array_equal(targets.valid, batch["valid"])


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"load_dense_pose": True}, "load_dense_pose"),
        ({"num_additional_channels": 1}, "num_additional_channels"),
        ({"input_type": input_reader_pb2.TF_SEQUENCE_EXAMPLE}, "input_type"),
        ({"max_number_of_boxes": 0}, "max_number_of_boxes"),
    ],
)
def test_what_cannot_be_served_is_named(numbered, settings, field):
    with pytest.raises(ConfigError) as caught:
        batches(reader_of(numbered, **settings))
    assert caught.value.field_path == field


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match=r"input_path.* does not exist"):
        batches(reader_of(tmp_path / "x.record"))
    with pytest.raises(ConfigError, match="name the TFRecords"):
        batches(input_reader_pb2.InputReader())


def test_real_pets(data_dir):
    folder = data_dir / "odapi_fixtures"
    pets = LabelMap.load(folder / "label_maps" / "pet_label_map.pbtxt")
    paths = expand(folder / "pets_examples.record")
    data = make_dataset(
        reader_of(*paths),
        Recipe(IdentityResizer(), num_classes=37, label_map=pets),
        batch_size=4,
        training=False,
    )
    found = list(data)
    assert [len(b["image"]) for b in found] == [4, 4, 2]
    shapes = np.concatenate([b["true_shape"].numpy() for b in found])
    boxes = np.concatenate([b["boxes"].numpy()[:, 0] for b in found])
    assert (boxes[:, 2:] <= shapes).all() and (boxes[:, 2:] > boxes[:, :2]).all()
