"""Records to samples: boxes, classes, defaults, masks, keypoints, and back."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.records import read
from od_api.data.tf_example import decode
from od_api.pictures.decoding import MAX_PIXELS
from od_api.protos import input_reader_pb2

READER = input_reader_pb2.InputReader()
LABELS = LabelMap.from_names({1: "cat", 2: "dog", 5: "eel"})


def encoded(height=20, width=40, format="png", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, format)
    return pixels, file.getvalue()


def example(boxes=((0.1, 0.2, 0.5, 0.6),), texts=None, ids=None, **more):
    boxes = list(boxes)
    image = EncodedImage(
        more.pop("image", encoded()[1]),
        "png",
        more.pop("filename", "a.png"),
        more.pop("source_id", "17"),
        20,
        40,
    )
    texts = ["cat"] * len(boxes) if texts is None else texts
    ids = [1] * len(boxes) if ids is None else ids
    return make_example(image, Objects(boxes, texts, ids, **more))


def add(record, key, kind, values):
    getattr(record.features.feature[key], kind).value.extend(values)
    return record


def sample_of(record, reader=READER, labels=LABELS, **settings):
    """Decoded eagerly and in tf.data, which must agree."""
    serialized = record.SerializeToString()
    eager = decode(serialized, reader, labels, **settings)
    data = tf.data.Dataset.from_tensors(serialized)
    mapped = next(iter(data.map(lambda s: decode(s, reader, labels, **settings))))
    assert set(eager) == set(mapped)
    for name, value in eager.items():
        np.testing.assert_array_equal(value, mapped[name], err_msg=name)
    return {name: value.numpy() for name, value in eager.items()}


def test_a_plain_record():
    """Boxes times 20 rows and 40 columns; ids minus 1; area of the box 8 * 16."""
    pixels, png = encoded()
    sample = sample_of(example(image=png, is_crowd=[True]))
    np.testing.assert_array_equal(sample["image"], pixels)
    np.testing.assert_allclose(sample["boxes"], [[2, 8, 10, 24]], rtol=1e-6)
    assert sample["classes"].tolist() == [0] and sample["classes"].dtype == np.int32
    assert sample["weights"].tolist() == [1] and sample["is_crowd"].tolist() == [True]
    assert sample["difficult"].tolist() == [False]
    np.testing.assert_allclose(sample["area"], [8 * 16], rtol=1e-5)
    assert sample["source_id"] == b"17"


def image_classes(classes, confidences=(), **settings):
    """Of a record with image/class/label: 0-based ids that a classifier learns."""
    record = add(example(), "image/class/label", "int64_list", classes)
    record = add(record, "image/class/confidence", "float_list", confidences)
    reader = input_reader_pb2.InputReader(load_image_classes=True)
    return sample_of(record, reader, **settings)


def test_classes_of_an_image_that_are_there():
    """Of confidence 0 is what people looked for in vain: evaluation knows it, too."""
    assert image_classes([1, 5])["image_class_ids"].tolist() == [0, 4]
    assert image_classes([1, 2, 5], [1, 0, 0.4])["image_class_ids"].tolist() == [0, 4]
    assert image_classes([2], [0])["image_class_ids"].tolist() == []
    known = image_classes([1, 2], [1, 0], known_classes=True)
    assert known["image_class_ids"].tolist() == [0]
    assert known["verified_classes"].tolist() == [0, 1]


def test_confidences_of_other_classes_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="not one image/class/con"):
        image_classes([1, 2], [1.0])


@pytest.mark.parametrize(
    ("settings", "ignored"),
    [
        ({}, [True, False, True, False]),
        ({"crowd_boxes": "TRAIN"}, [False] * 4),
        ({"ignore_difficult": True}, [True, True, True, False]),
        (
            {"crowd_boxes": "TRAIN", "ignore_difficult": True},
            [False, True, False, False],
        ),
    ],
)
def test_crowds_groups_and_difficult_boxes(settings, ignored):
    """One of each, and a plain one; a group is no crowd to the metrics."""
    record = example(
        boxes=[(0.1, 0.2, 0.5, 0.6)] * 4,
        is_crowd=[True, False, False, False],
        difficult=[False, True, False, False],
    )
    record = add(record, "image/object/group_of", "int64_list", [0, 0, 1, 0])
    sample = sample_of(record, input_reader_pb2.InputReader(**settings))
    assert sample["ignored"].tolist() == ignored
    assert sample["group_of"].tolist() == [False, False, True, False]
    assert sample["is_crowd"].tolist() == [True, False, False, False]
    assert sample["difficult"].tolist() == [False, True, False, False]


def test_nothing_is_ignored_where_records_do_not_say():
    sample = sample_of(example())
    assert sample["ignored"].tolist() == [False]


def test_known_classes_of_the_whole_image():
    """By text, else by number; -1 for what the label map does not have."""
    record = add(example(), "image/class/text", "bytes_list", [b"eel", b"gnu"])
    record = add(record, "image/class/label", "int64_list", [1])
    record = add(record, "image/neg_category_ids", "int64_list", [2, 5])
    sample = sample_of(record, known_classes=True)
    assert sample["verified_classes"].tolist() == [4, -1]
    assert sample["negative_classes"].tolist() == [1, 4]
    assert sample["not_exhaustive_classes"].tolist() == []
    by_number = sample_of(record, labels=None, known_classes=True)
    assert by_number["verified_classes"].tolist() == [0]
    assert "verified_classes" not in sample_of(record)


@pytest.mark.parametrize(
    ("given", "weights"), [([], [1, 1]), ([0.5, 0], [0.5, 0]), ([0.5], [1, 1])]
)
def test_weights_of_masks(given, weights):
    """Two PNG masks; without a weight for each they are 1."""
    record = example(boxes=[(0.1, 0.2, 0.5, 0.6)] * 2)
    mask = tf.io.encode_png(tf.ones([20, 40, 1], tf.uint8)).numpy()
    record = add(record, "image/object/mask", "bytes_list", [mask] * 2)
    record = add(record, "image/object/mask/weight", "float_list", given)
    masks = {"load_instance_masks": True, "mask_type": "PNG_MASKS"}
    sample = sample_of(record, input_reader_pb2.InputReader(**masks))
    assert sample["mask_weights"].tolist() == weights
    assert "mask_weights" not in sample_of(record)


def test_a_record_without_objects():
    sample = sample_of(example(boxes=[]))
    assert sample["boxes"].shape == (0, 4) and sample["classes"].shape == (0,)
    assert sample["is_crowd"].shape == sample["weights"].shape == (0,)


def test_the_old_apis_own_record(data_dir):
    """10 pets with one box each; the first is a chihuahua (class 11)."""
    folder = data_dir / "odapi_fixtures"
    pets = LabelMap.load(folder / "label_maps" / "pet_label_map.pbtxt")
    records = list(read(folder / "pets_examples.record"))
    samples = [decode(r, READER, pets) for r in records]
    assert [len(s["boxes"]) for s in samples] == [1] * 10
    first = samples[0]
    assert first["image"].shape == (225, 300, 3)
    np.testing.assert_allclose(first["boxes"], [[54, 119, 128, 228]], rtol=1e-5)
    assert pets.name(int(first["classes"][0]) + 1) == "chihuahua"
    numbers = [decode(r, READER, None)["classes"].numpy().tolist() for r in records]
    assert numbers == [s["classes"].numpy().tolist() for s in samples]


def test_image_id_is_the_old_apis_hash():
    hashed = tf.strings.to_hash_bucket_fast("17", 2**31)
    assert sample_of(example())["image_id"] == hashed


def test_image_id_without_a_source_id():
    """By the file name; without one, by the content, so that no two images share it."""
    by_name = sample_of(example(source_id="", filename="17"))
    assert by_name["source_id"] == b"17"
    assert by_name["image_id"] == sample_of(example())["image_id"]
    nameless = {"source_id": "", "filename": ""}
    one = sample_of(example(**nameless))
    other = sample_of(example(**nameless, image=encoded(seed=1)[1]))
    assert one["image_id"] != other["image_id"] and one["source_id"] == b""


BOXES = ((0, 0, 0.5, 0.5), (0, 0, 0.25, 0.25))


@pytest.mark.parametrize(
    ("texts", "ids", "labels", "classes"),
    [
        (["dog", "eel"], [1, 1], LABELS, [1, 4]),  # text beats number
        (["dog", "eel"], [1, 2], None, [0, 1]),
        (None, [5, 2], LABELS, [4, 1]),
        (["dog", "unicorn"], [1, 1], LABELS, [1]),  # unknown text drops the box
        (["", "dog"], [1, 1], LABELS, [1]),
        (["unicorn", "gnu"], [1, 1], LABELS, []),
    ],
)
def test_class_text_and_number(texts, ids, labels, classes):
    record = example(BOXES, ids=ids, texts=texts)
    if texts is None:
        del record.features.feature["image/object/class/text"]
    assert sample_of(record, labels=labels)["classes"].tolist() == classes


def test_display_names_are_matched_too(data_dir):
    folder = data_dir / "odapi_fixtures" / "label_maps"
    coco = LabelMap.load(folder / "mscoco_label_map.pbtxt")
    record = example(BOXES, texts=["person", "/m/0199g"])
    assert sample_of(record, labels=coco)["classes"].tolist() == [0, 1]


def test_id_zero_in_a_record_is_no_object():
    record = example(BOXES)
    del record.features.feature["image/object/class/text"]
    del record.features.feature["image/object/class/label"]
    add(record, "image/object/class/label", "int64_list", [0, 2])
    sample = sample_of(record)
    assert sample["classes"].tolist() == [1]
    np.testing.assert_allclose(sample["boxes"], [[0, 0, 5, 10]])


def test_nan_and_swapped_boxes_go_with_all_that_is_theirs():
    """Three bad boxes leave; one without extent stays, evaluation counts it."""
    boxes = [
        (0.1, 0.1, 0.5, 0.5),
        (float("nan"), 0.1, 0.5, 0.5),
        (0.5, 0.1, 0.1, 0.5),
        (0.1, 0.5, 0.5, 0.1),
        (0.2, 0.2, 0.2, 0.2),
    ]
    record = example(
        boxes, ids=[1, 1, 1, 1, 2], texts=["cat"] * 4 + ["dog"], area=[1, 2, 3, 4, 5]
    )
    add(record, "image/object/weight", "float_list", [0.1, 0.2, 0.3, 0.4, 0.5])
    sample = sample_of(record)
    np.testing.assert_allclose(
        sample["boxes"], [[2, 4, 10, 20], [4, 8, 4, 8]], rtol=1e-6
    )
    assert sample["classes"].tolist() == [0, 1] and sample["area"].tolist() == [1, 5]
    np.testing.assert_allclose(sample["weights"], [0.1, 0.5])


def test_lists_of_different_lengths_name_the_record():
    record = example(BOXES)
    add(record, "image/object/bbox/xmax", "float_list", [0.5])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"differ in length(?s:.*)17"
    ):
        sample_of(record)
    record = example(BOXES)
    del record.features.feature["image/object/class/label"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="needs a label map"):
        sample_of(record, labels=None)
    data = tf.data.Dataset.from_tensors(record.SerializeToString())
    with pytest.raises(tf.errors.InvalidArgumentError, match="needs a label map"):
        next(iter(data.map(lambda s: decode(s, READER, None))))


def test_an_image_above_the_limit_is_refused_before_it_is_decoded():
    """The image has 20 x 40 pixels; its own, cut short, would be another error."""
    reader = input_reader_pb2.InputReader(max_image_pixels=800)
    assert sample_of(example(), reader)["image"].shape == (20, 40, 3)
    reader.max_image_pixels = 799
    record = example(image=encoded()[1][:100])
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 799 pixels"):
        sample_of(record, reader)
    assert READER.max_image_pixels == MAX_PIXELS


@pytest.mark.parametrize("format", ["jpeg", "png", "gif", "bmp", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_format_has_three_channels(format, mode):
    file = io.BytesIO()
    Image.new("RGB", (6, 4), (200, 100, 0)).convert(mode).save(file, format)
    image = sample_of(example(image=file.getvalue()))["image"]
    assert image.shape == (4, 6, 3) and image.dtype == np.uint8
    expected = np.asarray(Image.open(file).convert("RGB"))
    np.testing.assert_allclose(np.int32(image), np.int32(expected), atol=3)


def mask_png(mask):
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("count", [0, 2])
def test_png_masks(count):
    masks = np.random.default_rng(0).uniform(size=(count, 20, 40)) > 0.5
    reader = input_reader_pb2.InputReader(
        load_instance_masks=True, mask_type=input_reader_pb2.PNG_MASKS
    )
    record = example(BOXES[:count], masks_png=[mask_png(m) for m in masks])
    sample = sample_of(record, reader)
    assert sample["masks"].shape == (count, 20, 40)
    np.testing.assert_array_equal(sample["masks"], masks)


def test_numerical_masks_follow_their_boxes():
    masks = np.random.default_rng(0).uniform(size=(2, 20, 40)) > 0.5
    reader = input_reader_pb2.InputReader(load_instance_masks=True)
    record = example(BOXES, texts=["unicorn", "cat"])
    add(record, "image/object/mask", "float_list", masks.astype(float).ravel())
    np.testing.assert_array_equal(sample_of(record, reader)["masks"], masks[1:])


def test_keypoints():
    """Two points a box. Without visibilities NaN means not labelled."""
    reader = input_reader_pb2.InputReader(num_keypoints=2)
    nan = float("nan")
    record = example(BOXES)
    add(record, "image/object/keypoint/y", "float_list", [0.5, 0.1, nan, 1.0])
    add(record, "image/object/keypoint/x", "float_list", [0.5, 0.2, nan, 0.0])
    sample = sample_of(record, reader)
    np.testing.assert_allclose(
        sample["keypoints"], [[[10, 20], [2, 8]], [[nan, nan], [20, 0]]], rtol=1e-6
    )
    assert sample["keypoint_visibilities"].tolist() == [[2, 2], [0, 2]]
    add(record, "image/object/keypoint/visibility", "int64_list", [0, 1, 0, 2])
    sample = sample_of(record, reader)
    assert np.isnan(sample["keypoints"][0, 0]).all()
    assert sample["keypoint_visibilities"].tolist() == [[0, 1], [0, 2]]
    assert sample_of(example([]), reader)["keypoints"].shape == (0, 2, 2)


def test_multiclass_scores():
    reader = input_reader_pb2.InputReader(load_multiclass_scores=True)
    record = example(BOXES)
    scores = [0.5, 0.25, 0.25, 0.0, 1.0, 0.0]
    add(record, "image/object/class/multiclass_scores", "float_list", scores)
    sample = sample_of(record, reader)
    np.testing.assert_array_equal(
        sample["multiclass_scores"], np.reshape(scores, (2, 3))
    )


def test_written_keys_are_the_old_apis():
    record = example(masks_png=[b"x"], area=[3.0], difficult=[False])
    keys = {k.removeprefix("image/") for k in record.features.feature}
    assert keys >= {"encoded", "format", "filename", "source_id", "height", "width"}
    assert keys >= {"key/sha256", "object/class/text", "object/class/label"}
    assert keys >= {"object/bbox/ymin", "object/area", "object/mask"}


def test_writer_refuses_what_no_reader_understands():
    with pytest.raises(ValueError, match="start at 1"):
        example(ids=[0])
    with pytest.raises(ValueError, match="1 boxes, but 2 entries of class/text"):
        example(texts=["cat", "cat"])
