"""Records that a worker makes for itself; test_folders.py has whole batches."""

import pytest
import tensorflow as tf
from google.protobuf import text_format
from labelled_folders import NAMES, SIX, write_images, write_yolo

from od_api.data import worker_records
from od_api.data.folders import open_folder
from od_api.data.label_map import LabelMap
from od_api.data.record_source import RecordSource
from od_api.protos import input_reader_pb2


@pytest.fixture
def source(tmp_path):
    write_images(tmp_path / "images", SIX)
    write_yolo(tmp_path / "labels", SIX)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    LabelMap.from_names(NAMES).save(tmp_path / "label_map.pbtxt")
    text = (
        f'label_map_path: "{tmp_path}/label_map.pbtxt" yolo_input_reader {{ '
        f'images: "{tmp_path}/images" labels: "{tmp_path}/labels" '
        f'names: "{tmp_path}/names.txt" }}'
    )
    return open_folder(text_format.Parse(text, input_reader_pb2.InputReader()))


def test_records_are_those_of_the_source(source):
    worker_records.offer()
    for index in range(6):
        found = worker_records.made(source, tf.constant(index, tf.int64))
        assert found.numpy() == source.record(index)


def test_a_worker_that_sees_other_images_says_so(source):
    worker_records.offer()
    other = RecordSource("x", 6, None, source.recipe, b"of others")
    with pytest.raises(tf.errors.UnknownError, match="see the same folder"):
        worker_records.made(other, tf.constant(0, tf.int64))


def test_a_worker_without_the_folder_says_so(source, tmp_path):
    worker_records.offer()
    (tmp_path / "names.txt").unlink()
    with pytest.raises(tf.errors.UnknownError, match=r"names\.txt"):
        worker_records.made(source, tf.constant(0, tf.int64))
