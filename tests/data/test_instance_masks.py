"""Instance masks on their way from a record into a batch."""

import json

import data_set_kit as kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.augment.random_horizontal_flip import RandomHorizontalFlip
from od_api.core.errors import ConfigError
from od_api.data import check, data_commands, inputs
from od_api.data.batch_fields import targets_of
from od_api.data.converters.coco_json import convert_coco
from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.order import Part
from od_api.data.pipeline import make_dataset
from od_api.data.preparation import Recipe
from od_api.data.records import ShardedWriter
from od_api.data.synthetic import synth
from od_api.data.tf_example import decode
from od_api.pictures import rle
from od_api.protos import input_reader_pb2
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer

LABELS = LabelMap.from_names(["cat", "dog"])
NAMES = {1: "cat", 2: "dog", 3: "cow"}
PNG = input_reader_pb2.PNG_MASKS
NUMERICAL = input_reader_pb2.NUMERICAL_MASKS
HEIGHT, WIDTH = 8, 16
MASKS = np.random.default_rng(4).integers(0, 2, (3, HEIGHT, WIDTH), np.uint8)


def example(masks=MASKS, classes=(1, 2, 1), png=True, name="a"):
    """A record with boxes that differ, and their masks (None for none)."""
    boxes = [[0, 0, 0.5, (i + 1) / 8] for i in range(len(classes))]
    encoded = tf.io.encode_png(tf.fill([HEIGHT, WIDTH, 3], tf.constant(9, tf.uint8)))
    record = make_example(
        EncodedImage(encoded.numpy(), "png", f"{name}.png", name, HEIGHT, WIDTH),
        Objects(boxes, [NAMES[c] for c in classes], classes),
    )
    feature = record.features.feature["image/object/mask"]
    if masks is not None and png:
        files = [tf.io.encode_png(255 * m[..., None]).numpy() for m in masks]
        feature.bytes_list.value.extend(files)
    elif masks is not None:
        feature.float_list.value.extend(np.ravel(masks).astype(float))
    return record


def decoded(record, mask_type=PNG):
    reader = input_reader_pb2.InputReader(load_instance_masks=True, mask_type=mask_type)
    return decode(record.SerializeToString(), reader, LABELS)


def write(path, *examples):
    with ShardedWriter(path, 1) as writer:
        for record in examples:
            writer.write(record)
    return str(writer.paths[0])


def batches(*paths, training=True, resizer=None, **settings):
    for_reader = {"shuffle": False, "max_number_of_boxes": 4}
    augmentations = settings.pop("augmentations", ())
    weights = [1.0] * len(paths) if len(paths) > 1 else []
    reader = input_reader_pb2.InputReader(
        tf_record_input_reader={"input_path": paths},
        sample_from_datasets_weights=weights,
        **for_reader | {"load_instance_masks": True} | settings,
    )
    resizer = resizer or FixedShapeResizer(height=4, width=4)
    return make_dataset(
        reader,
        Recipe(resizer, num_classes=2, augmentations=augmentations),
        batch_size=2,
        training=training,
        part=Part(seed=1),
    )


@pytest.mark.parametrize("png", [True, False])
def test_both_types_are_decoded(png):
    masks = decoded(example(png=png), PNG if png else NUMERICAL)["masks"]
    assert masks.dtype == tf.uint8
    np.testing.assert_array_equal(masks, MASKS)


@pytest.mark.parametrize("png", [True, False])
def test_no_boxes(png):
    record = example(masks=[], classes=(), png=png)
    masks = decoded(record, PNG if png else NUMERICAL)["masks"]
    assert masks.shape == (0, HEIGHT, WIDTH) and masks.dtype == tf.uint8


def test_masks_of_boxes_that_are_left_out_are_left_out():
    """The label map has no cow."""
    masks = decoded(example(classes=(1, 3, 2)))["masks"]
    np.testing.assert_array_equal(masks, MASKS[[0, 2]])


@pytest.mark.parametrize(
    ("masks", "png", "message"),
    [
        (MASKS[:2], True, "not one mask for each box"),
        (None, True, "not one mask for each box"),
        (MASKS.transpose(0, 2, 1), True, "not the size of its image"),
        (MASKS[:, :-1], True, "not the size of its image"),
        (MASKS[:2], False, "not one number for each pixel of each box"),
        (MASKS[:, 1:], False, "not one number for each pixel of each box"),
    ],
)
def test_masks_that_do_not_fit_are_refused_by_name(masks, png, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message) as error:
        decoded(example(masks, png=png, name="culprit"), PNG if png else NUMERICAL)
    assert "culprit" in str(error.value)


@pytest.mark.parametrize("png", [True, False])
def test_training_batch(tmp_path, png):
    """8x16 to 4x4, nearest: rows 0 2 4 6, columns 0 4 8 12; padded to 4 boxes."""
    path = write(tmp_path / "x", example(png=png), example([], (), png, name="b"))
    batch = next(iter(batches(path)))
    assert batch["masks"].shape == (2, 4, 4, 4) and batch["masks"].dtype == tf.uint8
    np.testing.assert_array_equal(batch["masks"][0, :3], MASKS[:, ::2, ::4])
    assert not np.any(batch["masks"][0, 3]) and not np.any(batch["masks"][1])
    assert "mask_counts" not in batch
    assert targets_of(batch).masks is batch["masks"]


def test_shapes_are_static_for_xla(tmp_path):
    path = write(tmp_path / "x", example())
    spec = batches(path, drop_remainder=True).element_spec["masks"]
    assert spec.shape == (2, 4, 4, 4)


def test_padding_of_the_image_is_padding_of_the_mask(tmp_path):
    """8x16 to 4x8, and below to 8x8."""
    path = write(tmp_path / "x", example(), example(name="b"))
    resizer = KeepAspectRatioResizer(
        min_dimension=4, max_dimension=8, pad_to_max_dimension=True
    )
    batch = next(iter(batches(path, resizer=resizer)))
    want = np.zeros([3, 8, 8])
    want[:, :4] = MASKS[:, ::2, ::2]
    np.testing.assert_array_equal(batch["masks"][0, :3], want)


def test_augmentation_moves_masks(tmp_path):
    path = write(tmp_path / "x", example(), example(name="b"))
    flip = RandomHorizontalFlip(probability=1.0)
    batch = next(iter(batches(path, augmentations=[flip])))
    want = MASKS[:, ::2, ::-1][:, :, ::4]
    np.testing.assert_array_equal(batch["masks"][0, :3], want)


def test_boxes_beyond_the_limit_take_their_masks_along(tmp_path):
    path = write(tmp_path / "x", example(), example(name="b"))
    batch = next(iter(batches(path, max_number_of_boxes=2)))
    np.testing.assert_array_equal(batch["masks"][0], MASKS[:2, ::2, ::4])


def test_evaluation_keeps_the_masks_of_the_file(tmp_path):
    """The second image has no boxes, and then one row of padding."""
    path = write(tmp_path / "x", example(), example([], (), name="b"))
    batch = next(iter(batches(path, training=False)))
    counts, valid = batch["mask_counts"].numpy(), batch["valid"].numpy()
    codes = [rle.code_of(c, (HEIGHT, WIDTH)) for c in counts[0][valid[0]]]
    np.testing.assert_array_equal(rle.decode(codes), MASKS)
    assert counts.shape == (2, 3) and not valid[1].any()
    empty = next(iter(batches(write(tmp_path / "y", example([], ())), training=False)))
    assert empty["mask_counts"].shape == (1, 1)
    assert empty["masks"].shape == (1, 1, 4, 4)


def test_without_load_instance_masks_there_are_none(tmp_path):
    path = write(tmp_path / "x", example(), example(name="b"))
    for training in (True, False):
        data = batches(path, training=training, load_instance_masks=False)
        batch = next(iter(data))
        assert not {"masks", "mask_counts"} & set(batch)
        assert targets_of(batch).masks is None


def test_records_without_masks_are_refused_at_once(tmp_path):
    path = write(tmp_path / "x", example([], ()), example(masks=None, name="b"))
    with pytest.raises(ConfigError, match="--include-masks") as error:
        batches(path)
    assert error.value.field_path == "load_instance_masks"


def test_mixed_sources_have_masks_of_one_type(tmp_path):
    one = write(tmp_path / "x", example(png=True))
    other = write(tmp_path / "y", example(png=False))
    with pytest.raises(ConfigError, match="another type: NUMERICAL_MASKS") as error:
        batches(one, other)
    assert error.value.field_path == "mask_type"


def test_drawn_batches_show_masks(tmp_path):
    """In the first image the pixels of masks differ from those beside them."""
    path = write(tmp_path / "x", example(), example(name="b"))
    resizer = FixedShapeResizer(height=400, width=400)
    batch = next(iter(batches(path, resizer=resizer)))
    plain = {name: value for name, value in batch.items() if name != "masks"}
    drawn = inputs.draw_batch(batch, LABELS)[0], inputs.draw_batch(plain, LABELS)[0]
    differs = np.any(drawn[0] != drawn[1], axis=-1)
    assert differs.any() and not np.any(differs & ~batch["masks"][0].numpy().any(0))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Synthetic scenes with masks in their records, made by the command."""
    folder = tmp_path_factory.mktemp("synth")
    args = {"splits": ["val=6"], "seed": 2, "height": 64, "width": 96, "num_shards": 1}
    settings = {"output": folder, "difficulty": "normal", "include_masks": True}
    assert data_commands._synth(type("Args", (), args | settings)) == 0
    return folder / "val"


def test_synthetic_masks_arrive_as_they_are_in_the_json(scenes):
    """Record by record: the packed run lengths of evaluation are the JSON's."""
    coco = json.loads((scenes / "annotations.json").read_text())
    reader = input_reader_pb2.InputReader(
        tf_record_input_reader={"input_path": [f"{scenes}/scenes.record-*"]},
        load_instance_masks=True,
    )
    data = make_dataset(
        reader,
        Recipe(
            FixedShapeResizer(height=32, width=32),
            num_classes=5,
            label_map=synth.label_map(),
        ),
        batch_size=4,
        training=False,
    )
    seen = {}
    for batch in data:
        rows = zip(
            batch["source_id"], batch["mask_counts"], batch["valid"], strict=True
        )
        for name, counts, valid in rows:
            kept = [c.decode() for c in counts.numpy()[valid.numpy()]]
            seen[int(name.numpy())] = kept
    want = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        want[annotation["image_id"]].append(annotation["segmentation"]["counts"])
    assert seen == want


def findings(tmp_path, *examples):
    write(tmp_path / "x", *examples)
    report = check.check_records([str(tmp_path / "x-*")], LABELS)
    skipped = ("duplicate_image", "empty_class", "no_boxes")
    return [f for f in report.findings if f.kind not in skipped]


@pytest.mark.parametrize("png", [True, False])
def test_check_has_nothing_against_good_masks(tmp_path, png):
    good = example(png=png), example(masks=None, name="b")
    assert findings(tmp_path, *good) == []


@pytest.mark.parametrize(
    ("masks", "png", "kind", "detail"),
    [
        (MASKS[:2], True, "list_lengths", "mask has 2, boxes 3"),
        (MASKS[:, :-1], True, "mask_size", "mask 0 is 16x7, the image 16x8"),
        (MASKS.transpose(0, 2, 1), True, "mask_size", "mask 0 is 8x16"),
        (MASKS[:2], False, "mask_size", "has 256 numbers; 3 boxes in an image of 16x8"),
    ],
)
def test_check_names_masks_that_do_not_fit(tmp_path, masks, png, kind, detail):
    found = findings(tmp_path, example(masks, png=png))
    assert {(f.severity, f.kind) for f in found} == {("error", kind)}
    assert detail in found[0].detail and found[0].source_id == "a"


def test_check_names_masks_that_are_no_images(tmp_path):
    record = example()
    record.features.feature["image/object/mask"].bytes_list.value[1] = b"no image"
    (found,) = findings(tmp_path, record)
    assert found.kind == "undecodable" and found.detail.startswith("mask 1")


def test_check_names_masks_of_whole_numbers(tmp_path):
    record = example(masks=None)
    record.features.feature["image/object/mask"].int64_list.value.extend([1] * 384)
    (found,) = findings(tmp_path, record)
    assert found.kind == "wrong_type"


def test_converted_records_hold_masks_of_every_kind_of_segmentation(tmp_path):
    """A triangle as polygon, and a crowd as run lengths: 20 of 60 pixels, 5 by 4."""
    (tmp_path / "a.jpg").write_bytes(kit.picture(10, 6))
    annotations = [
        {"segmentation": [[0, 0, 8, 0, 0, 6]], "bbox": [0, 0, 8, 6], "iscrowd": 0},
        {
            "segmentation": {"size": [6, 10], "counts": [0, 4, 2, 4, 2, 4, 2, 4, 38]},
            "bbox": [0, 0, 4, 4],
            "iscrowd": 1,
        },
    ]
    data = {
        "images": [{"id": 3, "file_name": "a.jpg", "width": 10, "height": 6}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": i, "image_id": 3, "category_id": 1, **a}
            for i, a in enumerate(annotations)
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    convert_coco(
        tmp_path / "a.json",
        tmp_path,
        tmp_path / "x",
        include_masks=True,
        progress=False,
    )
    (path,) = tmp_path.glob("x-*")
    (record,) = tf.data.TFRecordDataset(str(path))
    reader = input_reader_pb2.InputReader(load_instance_masks=True, mask_type=PNG)
    sample = decode(record, reader)
    masks = sample["masks"].numpy()
    assert masks.shape == (2, 6, 10) and sample["is_crowd"].numpy().tolist() == [0, 1]
    assert masks[0, 0, 0] == 1 and masks[0, 5, 7] == 0
    assert masks[1].sum() == 16 and masks[1, :4, :4].all()
