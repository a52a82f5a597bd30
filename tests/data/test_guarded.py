"""A record that cannot be read: which one, and why."""

import struct

import data_set_kit as kit
import pytest
import tensorflow as tf
from test_check import LABELS, _features, _serialized

from od_api.core.errors import UserError
from od_api.data.inputs import EvaluationInput, TrainingInput
from od_api.data.label_map import LabelMap
from od_api.protos import pipeline_pb2
from od_api.resizers.identity_resizer import IdentityResizer

GOOD = _serialized(_features(source_id=[b"good"]))
# A bytes_list whose length says 4 GB: TensorFlow's own parser ends the process here.
FORGED = b"\n\x20\n\x1e\n\x0eimage/filename\x12\x0c\n\n\n\xff\xff\xff\xff\x0fabcd"


class Detector:
    resizer, num_classes = IdentityResizer(), 2


def config_of(tmp_path, *records):
    with tf.io.TFRecordWriter(str(tmp_path / "x.record")) as writer:
        for record in records:
            writer.write(record)
    LABELS.save(tmp_path / "names.pbtxt")
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.model.ssd.num_classes = 2
    config.train_config.batch_size = 1
    for reader in (config.train_input_reader, config.eval_input_reader.add()):
        reader.label_map_path = str(tmp_path / "names.pbtxt")
        reader.tf_record_input_reader.input_path.append(str(tmp_path / "x.record"))
        reader.shuffle = False
    return config


def five_ids():
    example = tf.train.Example.FromString(GOOD)
    ids = example.features.feature["image/source_id"].bytes_list.value
    ids.extend([b"b", b"c", b"d", b"e"])
    return example.SerializeToString()


def no_kind():
    example = tf.train.Example.FromString(GOOD)
    feature = example.features.feature["image/source_id"]
    feature.Clear()
    # A fourth kind of list, of which there are three.
    feature.MergeFromString(b"\x22\x01x")
    return example.SerializeToString()


ROWS = {
    "five ids": (five_ids(), "image/source_id has 5 values"),
    "a broken image": (
        _serialized(_features(encoded=[kit.picture(80, 60)[:900]])),
        "record 1 .a. cannot be read: cannot be decoded",
    ),
    "edges, and an id that is no UTF-8": (
        _serialized(_features(source_id=[b"B\xe4r\x1b"], xmin=[0.1])),
        r"record 1 .B\\xe4r\\x1b. cannot be read: edges of boxes",
    ),
    "forged lengths": (FORGED, "record 1 cannot be read: is not a tf.Example"),
    "a feature of no kind": (no_kind(), "record 1 cannot be read: Unsupported"),
    "an empty record": (b"", "record 1 cannot be read: image/encoded is missing"),
}


@pytest.mark.parametrize("row", ROWS)
def test_training_and_evaluation_name_the_record(tmp_path, row):
    record, says = ROWS[row]
    config = config_of(tmp_path, GOOD, record)
    training = TrainingInput(config)
    evaluation = EvaluationInput(config, 0)
    for source, batches in (
        (training, training.training_dataset(Detector, 0)),
        (evaluation, evaluation.evaluation_dataset(Detector)),
    ):
        with pytest.raises(UserError, match=says) as caught:
            list(source.guarded(batches.take(3)))
        assert "x.record record 1" in str(caught.value)
        assert "Write this record again" in str(caught.value)
        with pytest.raises(UserError, match="not fit for"):
            source.check()


def test_a_length_beyond_the_file(tmp_path):
    """Looked at before TensorFlow takes as much memory."""
    config = config_of(tmp_path, GOOD)
    path = tmp_path / "x.record"
    path.write_bytes(path.read_bytes() + struct.pack("<Q", 1 << 62) + bytes(8))
    with pytest.raises(UserError, match=r"record 1 .* is truncated"):
        TrainingInput(config).check()


def test_num_classes_above_the_label_map_is_said(tmp_path, caplog):
    config = config_of(tmp_path, GOOD)
    config.model.ssd.num_classes = 7
    TrainingInput(config)
    assert "num_classes is 7" in caplog.text and "ids up to 2" in caplog.text


def test_boxes_beyond_the_maximum_are_said_once(tmp_path, caplog):
    config = config_of(tmp_path, GOOD)
    config.train_input_reader.max_number_of_boxes = 1
    for _ in range(2):
        TrainingInput(config).check()
    assert caplog.text.count("training leaves out 1 of 2 boxes") == 1
    EvaluationInput(config, 0).check()


def test_a_label_map_of_far_ids(tmp_path):
    config = config_of(tmp_path, GOOD)
    LabelMap.from_names({4000000: "cat"}).save(tmp_path / "names.pbtxt")
    with pytest.raises(UserError, match=r"ids up to 4000000.*--renumber"):
        TrainingInput(config)
