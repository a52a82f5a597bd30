"""Loading a detector to use it: an export, or a training run."""

from __future__ import annotations

import os
import pathlib

from od_api.config.loading import load_config, locate
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data import inputs
from od_api.data.label_map import LabelMap
from od_api.inference.finders import finder
from od_api.inference.loaded_detector import LoadedDetector
from od_api.inference.served_address import is_address
from od_api.inference.served_model import served_finder
from od_api.protos import pipeline_pb2
from od_api.tiles.tile_merging import TileMerging
from od_api.tiles.tiling import Tiling


def load(
    path: str | os.PathLike[str],
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    label_map_path: str | os.PathLike[str] | None = None,
    tiles: str | Tiling | None = None,
    threads: int | None = None,
    timeout: float | None = None,
) -> LoadedDetector:
    """A detector to call with images: `od_api.load("exported/")("photo.jpg")`.

    It finds what `od-api detect` finds. Loading a SavedModel runs what the file says:
    load only models from a trusted source.

    Args:
      path: the directory of an export, an ONNX model, a SavedModel, a folder of
        numbered versions of one; the directory of a training run, or a checkpoint in
        it; or a model that TensorFlow Serving has, "http://HOST:8501/v1/models/NAME" or
        "grpc://HOST:8500/NAME".
      checkpoint: which one of a run: "newest" (the default), "best" or a path.
      label_map_path: instead of the model's own; or a pipeline.config that names one.
      tiles: for images larger than the model's input: "HxW", such as "640x640", or a
        Tiling. Each tile is to the model an image of its own, and what it finds is
        merged as the pipeline.config says.
      threads: of one call, as many as there are cores by default. TensorFlow, which
        runs SavedModels and checkpoints, must not have run before.
      timeout: seconds that a server has for an answer, 60 by default.

    Raises:
      UserError: there is no detector, it is damaged, or it has no label map.
    """
    tiling = Tiling.parsed(tiles) if isinstance(tiles, str) else tiles
    found = _finder(path, timeout, checkpoint=checkpoint, threads=threads)
    found = _with_label_map(found, label_map_path)
    merging = merging_of(found.config_path) if tiling else None
    return LoadedDetector(found, found.label_map, tiling, merging)


def _finder(path, timeout, **settings):
    """The Finder of a server's model, or of one that is here."""
    if not is_address(path):
        if timeout is not None:
            raise UserError(f"a timeout is for servers, and {printable(path)} is none")
        return finder(path, **settings)
    if given := [name for name, value in settings.items() if value is not None]:
        raise UserError(
            f"{printable(path)} is a server, which has its own {' and '.join(given)}"
        )
    return served_finder(path, timeout)


def _with_label_map(found, path):
    """A Finder with the label map of a path, where one is given.

    Raises:
      UserError: it has none otherwise.
    """
    if path is not None and pathlib.Path(path).suffix == ".config":
        config = load_config(path)
        label_map = LabelMap.load(inputs.label_map_path(config))
        return found._replace(
            label_map=label_map, config_path=found.config_path or pathlib.Path(path)
        )
    if path is not None:
        return found._replace(label_map=LabelMap.load(path))
    if found.label_map is None:
        raise UserError(
            f"{printable(found.path)} carries no label map: name one, or the model's "
            "pipeline.config, with --label-map (label_map_path in Python)"
        )
    return found


def merging_of(config_path):
    """TileMerging as a config says; with a warning without one."""
    if config_path is None:
        return TileMerging.of_config(pipeline_pb2.TrainEvalPipelineConfig())
    try:
        return TileMerging.of_config(load_config(config_path))
    except ConfigError as error:
        raise locate(error, config_path) from error
