"""Evaluation: a checkpoint, an export, or detections in; metrics and report out."""

import os
import pathlib
from typing import Any

from google.protobuf.message import Message

from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.core.errors import UserError
from od_api.data.inputs import finds_boxes, label_map_path, num_classes_of
from od_api.data.label_map import LabelMap
from od_api.evaluation.bare_files import measure_files as measure_files
from od_api.evaluation.diagnosed_images import DiagnosisOptions
from od_api.evaluation.evaluation import Evaluation
from od_api.evaluation.export_detections import ExportDetections
from od_api.evaluation.given_detections import GivenDetections
from od_api.inference.finders import finder, is_export
from od_api.inference.loaded_detector import LoadedDetector
from od_api.load import merging_of
from od_api.system.threads import limit_threads


def evaluate(
    config: Message,
    checkpoint: Any,
    *,
    output_dir: str | os.PathLike[str] | None = None,
    tiles: Any = None,
    save_to: str | os.PathLike[str] | None = None,
    diagnosis: DiagnosisOptions | None = None,
    threads: int | None = None,
) -> dict[str, float]:
    """Evaluates one checkpoint, or exported model, on every eval_input_reader.

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint: a checkpoint, or a directory whose newest one is taken; or an export
        of any format: it gets images in the sizes of their files, and has no losses.
      output_dir: where `eval/` goes; the checkpoint's directory by default.
      tiles: a Tiling for larger images: each tile is seen as an image of its own.
      save_to: path of a JSON file for what was found, as `evaluate_detections` takes.
      diagnosis: DiagnosisOptions: report.html says what is wrong with boxes, too.
      threads: of one call, as of `od_api.load`.

    Returns:
      {metric name: float}, those of the second and later readers as `name/metric`.

    Raises:
      UserError: bad config, data or checkpoint.
    """
    check_compatibility(config)
    settings = {"save_to": save_to, "diagnosis": diagnosis}
    if isinstance(checkpoint, str | os.PathLike) and is_export(checkpoint):
        settings["given"] = detections_of_export(checkpoint, config, tiles, threads)
        return _of_export(config, pathlib.Path(checkpoint), output_dir, settings)
    limit_threads(threads)
    found = load(checkpoint)
    detector, restore = detector_for_inference(config)
    step = restore(found)
    output_dir = output_dir or pathlib.Path(found.prefix).parent
    evaluation = Evaluation(config, detector, output_dir, tiles, **settings)
    return evaluation.run(step)


def _of_export(config, path, output_dir, settings):
    output_dir = output_dir or (path if path.is_dir() else path.parent)
    return Evaluation(config, None, output_dir, **settings).run(None)


def detections_of_export(path, config, tiles=None, threads=None):
    """ExportDetections of an exported model, with a config's classes.

    Raises:
      UserError: the config's model finds no boxes, or the exported one cannot be used.
    """
    if not finds_boxes(config):
        raise UserError(
            "exported models are evaluated by their boxes, and the config's model "
            "finds none: name the run in place of the export"
        )
    return detections_of_finder(finder(path, threads=threads), config, tiles)


def detections_of_finder(found, config, tiles=None):
    """ExportDetections of a Finder, with a config's classes."""
    label_map = found.label_map or LabelMap.load(label_map_path(config))
    merging = merging_of(found.config_path) if tiles else None
    detector = LoadedDetector(found, label_map, tiles, merging)
    return ExportDetections(detector, found.engine, num_classes_of(config))


def evaluate_detections(config, detections, *, output_dir=None, diagnosis=None):
    """Measures detections that are there already, on every eval_input_reader.

    Args:
      config: TrainEvalPipelineConfig.
      detections: path of COCO results (JSON), or of TFRecords with image/detection/*.
        An image is told by its source_id; one without detections counts.
      output_dir: where `eval/` goes; the folder of `detections` by default.
      diagnosis: as of `evaluate`.

    Returns:
      As `evaluate`, without losses.

    Raises:
      UserError: bad config or data, or detections that are not of these images and
        classes.
    """
    check_compatibility(config)
    if not finds_boxes(config):
        raise UserError("--detections are boxes, and the config's model finds none")
    given = GivenDetections(detections, num_classes_of(config))
    output_dir = output_dir or pathlib.Path(detections).parent
    return Evaluation(config, None, output_dir, given=given, diagnosis=diagnosis).run(
        None
    )
