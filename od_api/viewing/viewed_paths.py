"""What a path of `od-api view` names: which records, classes and detections."""

import pathlib
from typing import Any, NamedTuple

from od_api.config.loading import load_config
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.label_map import LabelMap
from od_api.data.reader_files import groups_of, refuse_nameless

SPLITS = ("val", "train")
_CONFIG = "pipeline.config"
# Where an evaluation leaves what it found, in the folder of a run.
_FOUND = ("eval/detections.json", "detections.json")
_LABEL_MAPS = ("label_map.pbtxt", "label_map.pbtx")


class ViewedPath(NamedTuple):
    """What is looked at.

    Attributes:
      title: for the page.
      paths: what `records.read` takes.
      label_map: LabelMap.
      detections: path of a file of detections; None where there are none.
    """

    title: str
    paths: list
    label_map: Any
    detections: Any


def viewed_path(path, *, label_map=None, detections=None, split="val", overrides=()):
    """The ViewedPath of a path.

    Args:
      path: a pipeline.config, the folder of a run (its pipeline.config, and the
        eval/detections.json of its last evaluation), or TFRecords: a file, a pattern or
        a folder of them.
      label_map: path; of records alone, and needed where no label_map.pbtxt lies
        beside them.
      detections: path of COCO results or of records with detections.
      split: of a config: "val", its eval_input_reader, or "train".
      overrides: of the config.

    Raises:
      UserError: there is nothing of that kind, or something is missing.
    """
    path = pathlib.Path(path)
    if config_path := config_in(path):
        if label_map:
            raise UserError(
                f"{printable(config_path)} names its label map: --label-map is for "
                "records"
            )
        found = detections or _found_in(path, split)
        return _of_config(config_path, found, split, overrides)
    if overrides:
        raise UserError(f"--set is for configs, and {printable(path)} is none")
    paths = record_files(path)
    if not paths:
        raise UserError(
            f"{printable(path)} has neither a pipeline.config nor TFRecords (*.record*)"
        )
    if label_map is None:
        label_map = label_map_beside(paths[0])
    return ViewedPath(str(path), paths, LabelMap.load(label_map), detections)


def _is_config(path):
    return path.suffix in (".config", ".pbtxt") or path.name == _CONFIG


def _found_in(folder, split):
    """The detections of a run's evaluation; none are of what is trained on."""
    if not folder.is_dir() or split != "val":
        return None
    return next((p for p in (folder / n for n in _FOUND) if p.is_file()), None)


def _of_config(path, detections, split, overrides):
    config = load_config(path, overrides)
    place = "train_input_reader" if split == "train" else "eval_input_reader[0]"
    if split == "train":
        reader = config.train_input_reader
    elif config.eval_input_reader:
        reader = config.eval_input_reader[0]
    else:
        raise ConfigError("is not there: --split train shows the other", place)
    try:
        refuse_nameless(reader)
        groups = groups_of(reader)
        label_map = LabelMap.load(reader.label_map_path)
    except ConfigError as error:
        raise error.within(place) from error
    paths = list(dict.fromkeys(p for group in groups for p in group))
    return ViewedPath(f"{path} ({split})", paths, label_map, detections)


def record_files(path):
    """The TFRecords that a path, a pattern or a folder names; of a folder maybe none.

    Raises:
      UserError: a path or pattern that is no folder, and no file either.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        return records.expand([str(path)])
    return sorted(
        str(p)
        for p in path.iterdir()
        if p.is_file() and (".record" in p.name or ".tfrecord" in p.name)
    )


def config_in(path):
    """The pipeline.config that a path is, or that lies in the folder; else None."""
    path = pathlib.Path(path)
    config_path = path / _CONFIG if path.is_dir() else path
    return config_path if config_path.is_file() and _is_config(config_path) else None


def label_map_beside(path):
    """The label map in the folder of a file of records; UserError where none is."""
    folder = pathlib.Path(path).parent
    for name in _LABEL_MAPS:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{printable(folder)} has no {_LABEL_MAPS[0]}: name the label map, by "
        "--label-map"
    )
