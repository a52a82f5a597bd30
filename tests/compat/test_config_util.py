"""Configs as dicts of messages."""

import pytest
import tiny

from od_api.compat import config_util
from od_api.core.errors import ConfigError


@pytest.fixture
def path(tmp_path):
    return tiny.write_config(tmp_path, tmp_path / "data")


def test_there_and_back(path, tmp_path):
    configs = config_util.get_configs_from_pipeline_file(str(path))
    assert configs["eval_input_config"] is configs["eval_input_configs"][0]
    configs["model"].ssd.num_classes = 7
    configs["train_config"].batch_size = 3
    made = config_util.create_pipeline_proto_from_configs(configs)
    config_util.save_pipeline_config(made, tmp_path / "saved")
    saved = str(tmp_path / "saved" / "pipeline.config")
    again = config_util.get_configs_from_pipeline_file(saved)
    assert again == configs
    assert config_util.get_number_of_classes(again["model"]) == 7


def test_an_override(path):
    text = "train_config { batch_size: 11 }"
    configs = config_util.get_configs_from_pipeline_file(path, config_override=text)
    assert configs["train_config"].batch_size == 11
    assert configs["model"].HasField("ssd")


def test_resizers(path):
    model = config_util.get_configs_from_pipeline_file(path)["model"]
    resizer = config_util.get_image_resizer_config(model)
    assert config_util.get_spatial_image_size(resizer) == [96, 96]
    resizer.keep_aspect_ratio_resizer.max_dimension = 500
    assert config_util.get_spatial_image_size(resizer) == [-1, -1]
    resizer.keep_aspect_ratio_resizer.pad_to_max_dimension = True
    assert config_util.get_spatial_image_size(resizer) == [500, 500]
    resizer.Clear()
    with pytest.raises(ValueError, match="not set"):
        config_util.get_spatial_image_size(resizer)
    model.Clear()
    with pytest.raises(ValueError, match="no model"):
        config_util.get_number_of_classes(model)


def test_further_settings(path):
    configs = config_util.get_configs_from_pipeline_file(path)
    merged = config_util.merge_external_params_with_configs(
        configs,
        kwargs_dict={"batch_size": 5, "train_steps": 40, "eval_input_path": ["a", "b"]},
        train_input_path="c",
        label_map_path="map",
        fine_tune_checkpoint=None,
    )
    assert merged is configs
    made = config_util.create_pipeline_proto_from_configs(configs)
    assert (made.train_config.batch_size, made.train_config.num_steps) == (5, 40)
    assert not made.train_config.fine_tune_checkpoint
    train, [evaluated] = made.train_input_reader, made.eval_input_reader
    assert list(train.tf_record_input_reader.input_path) == ["c"]
    assert list(evaluated.tf_record_input_reader.input_path) == ["a", "b"]
    assert train.label_map_path == evaluated.label_map_path == "map"


def test_what_is_not_known_is_refused(path):
    configs = config_util.get_configs_from_pipeline_file(path)
    merge = config_util.merge_external_params_with_configs
    with pytest.raises(
        ValueError, match="bath_size is not known; there are batch_size"
    ):
        merge(configs, bath_size=3)
    with pytest.raises(ValueError, match="hparams"):
        merge(configs, hparams={})
    del configs["eval_input_configs"][:]
    with pytest.raises(ValueError, match="no eval_input_reader"):
        merge(configs, eval_input_path="a")


def test_a_misspelt_field_has_its_place(path):
    path.write_text(path.read_text().replace("num_classes", "num_clases"))
    with pytest.raises(ConfigError, match="did you mean num_classes"):
        config_util.get_configs_from_pipeline_file(path)
