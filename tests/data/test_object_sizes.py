"""Sizes of objects, counted by hand."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from od_api import cli
from od_api.core.errors import UserError
from od_api.data.object_sizes import as_json, as_text, object_sizes


def _example(boxes, shape=(100, 200), crowd=None, stated=True):
    encoded = io.BytesIO()
    Image.new("RGB", shape[::-1]).save(encoded, "PNG")
    features = {
        "image/encoded": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[encoded.getvalue()])
        )
    }
    for name, values in zip(
        ("ymin", "xmin", "ymax", "xmax"), np.reshape(boxes, [-1, 4]).T, strict=True
    ):
        features[f"image/object/bbox/{name}"] = tf.train.Feature(
            float_list=tf.train.FloatList(value=values)
        )
    ints = {"object/is_crowd": crowd} if crowd else {}
    if stated:
        ints |= {"height": [shape[0]], "width": [shape[1]]}
    for name, values in ints.items():
        features[f"image/{name}"] = tf.train.Feature(
            int64_list=tf.train.Int64List(value=values)
        )
    return tf.train.Example(features=tf.train.Features(feature=features))


def _records(folder, *examples):
    path = folder / "some.record"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    return str(path)


def test_numbers_of_a_data_set(tmp_path):
    """Boxes of 1, 3 and 2 % of images of .02 and .04 megapixels."""
    path = _records(
        tmp_path,
        _example([[0, 0, 0.1, 0.1], [0.5, 0.5, 0.8, 0.6]]),
        _example([[0, 0, 0.2, 0.1]], shape=(200, 200), stated=False),
    )
    found = object_sizes([path])
    assert (found.images, found.objects) == (2, 3)
    assert found.objects_per_image == pytest.approx(1.5)
    assert found.mean_size == pytest.approx(2, rel=1e-5)
    # Of 1, 3 and 2: sqrt(2 / 3).
    assert found.size_deviation == pytest.approx(np.sqrt(2 / 3), rel=1e-5)
    assert found.megapixels == pytest.approx(0.03)
    # Areas of 200, 600 and 800 pixels.
    assert found.sides[0.5] == pytest.approx(np.sqrt(600), rel=1e-5)
    assert found.sides[0.05] < found.sides[0.95] <= np.sqrt(800)


def test_crowds_and_boxes_without_area_are_no_objects(tmp_path):
    boxes = [
        [0, 0, 0.5, 0.5],
        [0, 0, 0.1, 0.1],
        [0.3, 0.3, 0.3, 0.4],
        [0, 0, np.nan, 1],
    ]
    found = object_sizes([_records(tmp_path, _example(boxes, crowd=[1, 0, 0, 0]))])
    assert found.objects == 1
    assert found.mean_size == pytest.approx(1, rel=1e-5)


def test_nothing_has_no_mean(tmp_path):
    found = object_sizes([_records(tmp_path, _example([]))])
    assert (found.images, found.objects, found.objects_per_image) == (1, 0, 0)
    assert np.isnan(found.mean_size)
    assert json.loads(as_json(found))["mean_size"] is None
    assert "0 objects" in as_text(found)


def test_of_the_command(tmp_path, capsys):
    path = _records(tmp_path, _example([[0, 0, 0.1, 0.1]]))
    assert cli.main(["data", "sizes", path]) == 0
    assert "1 objects, 1.0 an image" in capsys.readouterr().out
    assert cli.main(["data", "sizes", path, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 1


def test_a_record_that_is_none(tmp_path):
    path = tmp_path / "bad.record"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_example([]).SerializeToString())
        writer.write(b"\xff\xff")
    with pytest.raises(UserError, match="record 1"):
        object_sizes([str(path)])


def test_lists_of_different_lengths(tmp_path):
    example = _example([[0, 0, 0.1, 0.1]])
    example.features.feature["image/object/bbox/ymax"].float_list.value.append(1)
    with pytest.raises(UserError, match=r"record 0: its lists .* data check"):
        object_sizes([_records(tmp_path, example)])


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="nothing"):
        object_sizes([str(tmp_path / "nothing-*")])
