"""Pipeline configs as a dict of their messages."""

import os
import pathlib

from google.protobuf import text_format

from od_api.config.loading import load_config, write_config
from od_api.core.printable import printable
from od_api.protos import pipeline_pb2

# {the dict's key: field}
_KEYS = {
    "model": "model",
    "train_config": "train_config",
    "train_input_config": "train_input_reader",
    "eval_config": "eval_config",
    "eval_input_configs": "eval_input_reader",
}


def get_configs_from_pipeline_file(pipeline_config_path, config_override=None):
    """The messages of a config file.

    Args:
      pipeline_config_path: a file as `od_api.load_config` takes it.
      config_override: text of a TrainEvalPipelineConfig that is merged over the file.

    Returns:
      {"model", "train_config", "train_input_config", "eval_config",
      "eval_input_configs": list, "eval_input_config": its first, where there is one}.
      They are parts of one config: what is changed in one is kept by
      `create_pipeline_proto_from_configs`.

    Raises:
      ConfigError: with file, line, column and the nearest valid name.
    """
    config = load_config(pipeline_config_path)
    if config_override:
        text_format.Merge(config_override, config)
    return create_configs_from_pipeline_proto(config)


def create_configs_from_pipeline_proto(pipeline_config):
    """A TrainEvalPipelineConfig -> the dict of `get_configs_from_pipeline_file`."""
    configs = {key: getattr(pipeline_config, field) for key, field in _KEYS.items()}
    if configs["eval_input_configs"]:
        configs["eval_input_config"] = configs["eval_input_configs"][0]
    return configs


def create_pipeline_proto_from_configs(configs):
    """The dict of `get_configs_from_pipeline_file` -> TrainEvalPipelineConfig."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    for key, field in _KEYS.items():
        if key == "eval_input_configs":
            config.eval_input_reader.extend(configs[key])
        elif key in configs:
            getattr(config, field).CopyFrom(configs[key])
    return config


def save_pipeline_config(pipeline_config, directory):
    """Writes `directory/pipeline.config`."""
    write_config(pipeline_config, pathlib.Path(os.fspath(directory), "pipeline.config"))


def get_number_of_classes(model_config):
    """`num_classes` of a DetectionModel."""
    return _detector_of(model_config).num_classes


def get_image_resizer_config(model_config):
    """The ImageResizer of a DetectionModel."""
    return _detector_of(model_config).image_resizer


def get_spatial_image_size(image_resizer_config):
    """[height, width] of what a resizer gives; -1 where it is not known.

    Raises:
      ValueError: no resizer is set.
    """
    name = image_resizer_config.WhichOneof("image_resizer_oneof")
    if name is None:
        raise ValueError("the image resizer is not set")
    resizer = getattr(image_resizer_config, name)
    if name == "fixed_shape_resizer":
        return [resizer.height, resizer.width]
    if name == "keep_aspect_ratio_resizer" and resizer.pad_to_max_dimension:
        return [resizer.max_dimension] * 2
    return [-1, -1]


def merge_external_params_with_configs(configs, hparams=None, kwargs_dict=None, **more):
    """Puts further settings into the dict of `get_configs_from_pipeline_file`.

    Args:
      configs: the dict; it is changed.
      hparams: None.
      kwargs_dict, **more: {name: value} of batch_size, train_steps, label_map_path,
        train_input_path, eval_input_path (of the first reader) or
        fine_tune_checkpoint. A value None changes nothing.

    Returns:
      The dict.

    Raises:
      ValueError: hparams, or another name.
    """
    if hparams is not None:
        raise ValueError("hparams are not read: name the settings themselves")
    for name, value in {**(kwargs_dict or {}), **more}.items():
        setting = _SETTINGS.get(name)
        if setting is None:
            names = ", ".join(sorted(_SETTINGS))
            raise ValueError(f"{printable(name)} is not known; there are {names}")
        if value is not None:
            setting(configs, value)
    return configs


def _detector_of(model_config):
    name = model_config.WhichOneof("model")
    if name is None:
        raise ValueError("no model is set")
    return getattr(model_config, name)


def _set_batch_size(configs, value):
    configs["train_config"].batch_size = int(value)


def _set_train_steps(configs, value):
    configs["train_config"].num_steps = int(value)


def _set_checkpoint(configs, value):
    configs["train_config"].fine_tune_checkpoint = os.fspath(value)


def _set_label_map(configs, value):
    for reader in (configs["train_input_config"], *configs["eval_input_configs"]):
        reader.label_map_path = os.fspath(value)


def _set_path(reader, value):
    paths = [value] if isinstance(value, str | os.PathLike) else value
    reader.tf_record_input_reader.input_path[:] = map(os.fspath, paths)


def _set_train_path(configs, value):
    _set_path(configs["train_input_config"], value)


def _set_eval_path(configs, value):
    if not configs["eval_input_configs"]:
        raise ValueError("there is no eval_input_reader to give a path to")
    _set_path(configs["eval_input_configs"][0], value)


_SETTINGS = {
    "batch_size": _set_batch_size,
    "train_steps": _set_train_steps,
    "fine_tune_checkpoint": _set_checkpoint,
    "label_map_path": _set_label_map,
    "train_input_path": _set_train_path,
    "eval_input_path": _set_eval_path,
}
