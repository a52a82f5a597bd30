"""Evaluation: a checkpoint, or detections, in; metrics, report and pictures out."""

import os
import pathlib
from typing import Any

from google.protobuf.message import Message

from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.core.errors import UserError
from od_api.data.inputs import finds_boxes, num_classes_of
from od_api.evaluation.bare_files import measure_files as measure_files
from od_api.evaluation.diagnosed_images import DiagnosisOptions
from od_api.evaluation.evaluation import Evaluation
from od_api.evaluation.given_detections import GivenDetections


def evaluate(
    config: Message,
    checkpoint: Any,
    *,
    output_dir: str | os.PathLike[str] | None = None,
    tiles: Any = None,
    save_to: str | os.PathLike[str] | None = None,
    diagnosis: DiagnosisOptions | None = None,
) -> dict[str, float]:
    """Evaluates one checkpoint on every eval_input_reader.

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint: a checkpoint, or a directory whose newest one is taken.
      output_dir: where `eval/` goes; the checkpoint's directory by default.
      tiles: a Tiling for images larger than the network's input: each tile is seen as
        an image of its own. None: each image is resized whole.
      save_to: path of a JSON file for what was found, as COCO results: what
        `evaluate_detections` takes.
      diagnosis: DiagnosisOptions: say what is wrong with boxes, too, with a page
        report.html; None: do not.

    Returns:
      {metric name: float}, those of the second and later readers as `name/metric`.

    Raises:
      UserError: bad config, data or checkpoint.
    """
    check_compatibility(config)
    found = load(checkpoint)
    detector, restore = detector_for_inference(config)
    step = restore(found)
    output_dir = output_dir or pathlib.Path(found.prefix).parent
    evaluation = Evaluation(
        *(config, detector, output_dir, tiles), save_to=save_to, diagnosis=diagnosis
    )
    return evaluation.run(step)


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
