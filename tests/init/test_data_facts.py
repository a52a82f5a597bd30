"""Numbers of records, against counts by hand."""

import numpy as np
import pytest
import tensorflow as tf
from data_set_kit import picture

from od_api.core.errors import UserError
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.init.data_facts import facts_of

LARGE, SMALL = (0.0, 0.0, 0.5, 0.5), (0.25, 0.5, 0.5, 0.75)


def record(height, width, boxes):
    image = EncodedImage(picture(width, height), "jpeg", "a.jpg", "a", height, width)
    count = len(boxes)
    return make_example(image, Objects(list(boxes), ["cat"] * count, [1] * count))


def write(path, *examples):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    return str(path)


def test_by_hand(tmp_path):
    """Three images of two files; a box without area is one of two, and has no shape.

    Heights are 10, 20, 30 and widths 40, 10, 20: their medians 20 and 20.
    """
    first = write(
        tmp_path / "a",
        record(10, 40, [LARGE]),
        record(20, 10, [SMALL, (0.5, 0.5, 0.5, 0.9)]),
    )
    facts = facts_of([first, write(tmp_path / "b", record(30, 20, []))])
    assert (facts.images, facts.most_boxes, facts.image_size) == (3, 2, (20, 20))
    np.testing.assert_allclose(facts.boxes, [LARGE, SMALL])
    assert facts.boxes.dtype == np.float32
    assert facts.sizes.tolist() == [[10, 40], [20, 10]]


def test_sizes_that_no_record_states_are_read_off_the_image(tmp_path):
    example = record(12, 34, [LARGE])
    example.features.feature["image/height"].int64_list.value[:] = [0]
    del example.features.feature["image/width"]
    assert facts_of([write(tmp_path / "a", example)]).image_size == (12, 34)


def test_refused(tmp_path):
    with pytest.raises(UserError, match="there is not one record"):
        facts_of([write(tmp_path / "a")])
    uneven = record(10, 10, [LARGE])
    uneven.features.feature["image/object/bbox/ymin"].float_list.value.append(0.1)
    with pytest.raises(UserError, match=r"b: record 1: .*different lengths"):
        facts_of([write(tmp_path / "b", record(10, 10, []), uneven)])
    blind = record(10, 10, [LARGE])
    del blind.features.feature["image/height"]
    blind.features.feature["image/encoded"].bytes_list.value[:] = [b"no image"]
    with pytest.raises(UserError, match="record 0: its image cannot be read"):
        facts_of([write(tmp_path / "c", blind)])
