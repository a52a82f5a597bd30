"""Loading a detector to use it: an export, or a training run."""

from __future__ import annotations

import os

from od_api.config.loading import load_config, locate
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data.label_map import LabelMap
from od_api.inference.finders import finder
from od_api.inference.loaded_detector import LoadedDetector
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
) -> LoadedDetector:
    """A detector to call with images: `od_api.load("exported/")("photo.jpg")`.

    It finds what `od-api detect` finds. Loading a SavedModel runs what the file says:
    load only models from a trusted source.

    Args:
      path: the directory of an export, an ONNX model, a SavedModel, a folder of
        numbered versions of one; or the directory of a training run, or a checkpoint in
        it.
      checkpoint: which one of a run: "newest" (the default), "best" or a path.
      label_map_path: instead of the model's own.
      tiles: for images larger than the model's input: "HxW", such as "640x640", or a
        Tiling. Each tile is to the model an image of its own, and what it finds is
        merged as the pipeline.config says.
      threads: of one call, as many as there are cores by default. TensorFlow, which
        runs SavedModels and checkpoints, must not have run before.

    Raises:
      UserError: there is no detector, it is damaged, or it has no label map.
    """
    tiling = Tiling.parsed(tiles) if isinstance(tiles, str) else tiles
    found = finder(path, checkpoint, threads)
    label_map = found.label_map
    if label_map_path is not None:
        label_map = LabelMap.load(label_map_path)
    if label_map is None:
        raise UserError(
            f"{printable(found.path)} carries no label map: name one with --label-map "
            "(label_map_path in Python)"
        )
    merging = merging_of(found.config_path) if tiling else None
    return LoadedDetector(found, label_map, tiling, merging)


def merging_of(config_path):
    """TileMerging as a config says; with a warning without one."""
    if config_path is None:
        return TileMerging.of_config(pipeline_pb2.TrainEvalPipelineConfig())
    try:
        return TileMerging.of_config(load_config(config_path))
    except ConfigError as error:
        raise locate(error, config_path) from error
