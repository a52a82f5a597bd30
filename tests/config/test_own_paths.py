"""Relative paths of a config: from its own folder where it says so, else as of old."""

import pytest

from od_api.config.loading import load_config
from od_api.config.own_paths import PATHS, names_files, refuse_unsettled
from od_api.core.errors import ConfigError
from od_api.protos import (
    backbone_pb2,
    input_reader_pb2,
    pipeline_pb2,
    train_pb2,
)

HERE = "paths_from_this_file: true\n"
CONFIG = """
train_config { fine_tune_checkpoint: 'weights/a.h5' }
train_input_reader {
  label_map_path: '../map.pbtxt'
  tf_record_input_reader { input_path: ['data/a-*', '/b', 'gs://c/d'] }
}
eval_input_reader { coco_input_reader { annotations: 'a.json' images: '' } }
eval_input_reader { name: 'data/x' yolo_input_reader { names: './data.yaml' } }
model { ssd { feature_extractor { backbone { mobilenet_v1 { weights: 'w.h5' } } } } }
"""


def paths_of(config):
    readers = config.eval_input_reader
    return [
        config.train_config.fine_tune_checkpoint,
        config.train_input_reader.label_map_path,
        *config.train_input_reader.tf_record_input_reader.input_path,
        readers[0].coco_input_reader.annotations,
        readers[0].coco_input_reader.images,
        readers[1].yolo_input_reader.names,
        config.model.ssd.feature_extractor.backbone.mobilenet_v1.weights,
    ]


AS_WRITTEN = ["weights/a.h5", "../map.pbtxt", "data/a-*", "/b", "gs://c/d", "a.json"]
AS_WRITTEN += ["", "./data.yaml", "w.h5"]


def write(folder, text, name="a.config"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("said", ["", "paths_from_this_file: false\n"])
def test_of_old_they_stay_as_they_are(said, tmp_path):
    assert paths_of(load_config(write(tmp_path, said + CONFIG))) == AS_WRITTEN


@pytest.mark.parametrize("relative", [False, True])
def test_from_the_file_by_hand(relative, tmp_path, monkeypatch):
    """Absolute ones, addresses, empty ones and names that are no paths stay."""
    path = write(tmp_path / "set", HERE + CONFIG)
    monkeypatch.chdir(tmp_path)
    config = load_config("set/a.config" if relative else path)
    root = f"{tmp_path}/set/"
    assert paths_of(config) == [
        *(f"{root}weights/a.h5", f"{tmp_path}/map.pbtxt", f"{root}data/a-*", "/b"),
        *("gs://c/d", f"{root}a.json", "", f"{root}data.yaml", f"{root}w.h5"),
    ]
    assert config.eval_input_reader[1].name == "data/x"
    assert not config.HasField("paths_from_this_file")


def test_the_word_for_the_librarys_own_weights_is_no_path(tmp_path):
    text = HERE + CONFIG.replace("w.h5", "imagenet")
    assert paths_of(load_config(write(tmp_path, text)))[-1] == "imagenet"


def test_each_file_says_it_for_itself(tmp_path):
    """Of a config and its base in another folder; --set starts where the user is."""
    write(tmp_path / "base", HERE + CONFIG, "b.config")
    diff = "base: '../base/b.config' train_config { fine_tune_checkpoint: 'x' }"
    path = write(tmp_path / "own", diff)
    config = load_config(path, ["train_input_reader.label_map_path=mine"])
    assert config.train_config.fine_tune_checkpoint == "x"
    assert config.train_input_reader.label_map_path == "mine"
    records = config.train_input_reader.tf_record_input_reader.input_path
    assert records[0] == f"{tmp_path}/base/data/a-*"
    config = load_config(write(tmp_path / "own", HERE + diff))
    assert config.train_config.fine_tune_checkpoint == f"{tmp_path}/own/x"


@pytest.mark.parametrize("value", ["true", "false"])
def test_set_has_no_file_and_is_refused(value, tmp_path):
    config = load_config(write(tmp_path, CONFIG), [f"paths_from_this_file={value}"])
    with pytest.raises(ConfigError, match="counts in the file that it stands in"):
        refuse_unsettled(config)


# Text fields of readers, training and backbones that name no file.
_NAMES = {"name", "split", "fine_tune_checkpoint_type", "freeze_variables"}
_NAMES |= {"update_trainable_variables", "stage", "last_stage", "deformable_stages"}
_NAMES |= {"size", "target", "upsampling", "stem_padding", "levels", "mask_level"}
_NAMES |= {"mode", "stages"}


def test_every_text_field_where_paths_stand_is_known():
    """A new one is put into PATHS or _NAMES, and a name in PATHS is that of a field."""
    messages = [
        message
        for module in (input_reader_pb2, train_pb2, backbone_pb2)
        for message in module.DESCRIPTOR.message_types_by_name.values()
    ]
    for message in messages:
        assert {*PATHS.get(message.name, ())} <= {f.name for f in message.fields}
        for field in message.fields:
            if field.type == field.TYPE_STRING:
                assert names_files(message, field) != (field.name in _NAMES), field.name
    assert {m.name for m in messages} >= {*PATHS}
    assert not names_files(
        pipeline_pb2.TrainEvalPipelineConfig.DESCRIPTOR,
        pipeline_pb2.TrainEvalPipelineConfig.DESCRIPTOR.fields_by_name["base"],
    )
