"""Metrics of a file of detections beside a file of ground truth, without a config."""

import pathlib

from absl import logging

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.evaluation.coco_truth import CocoTruth
from od_api.evaluation.image_detections import ImageDetections
from od_api.metrics import build_evaluators, evaluation_report
from od_api.metrics.summaries import Summaries
from od_api.protos import eval_pb2

_OF_BOXES, _OF_MASKS = "coco_detection_metrics", "coco_mask_metrics"


def measure_files(detections, ground_truth, metrics_sets=(), output_dir=None):
    """Measures detections of any origin.

    Args:
      detections: path, as of `read_detections`.
      ground_truth: path of a COCO annotation file; no image is read.
      metrics_sets: names, as of `eval_config.metrics_set`. Without any COCO's of boxes,
        and COCO's of masks where every object and every detection has one.
      output_dir: where `eval/` with the report goes; the folder of `detections` by
        default.

    Returns:
      {metric name: float}.

    Raises:
      UserError: bad files; detections that are not of these images and classes; a
        metric that does not exist. Nothing is written then.
    """
    truth = CocoTruth(ground_truth)
    name = printable(ground_truth)
    found = ImageDetections(detections, f"image of {name}", truth.offset)
    found.refuse_classes(truth.ids, f"the categories of {name}")
    evaluators = _evaluators(metrics_sets, truth, found)
    with_masks = any(evaluator.needs_masks for evaluator in evaluators)
    for number, (source_id, shape, objects) in enumerate(truth.images(with_masks)):
        of_image = found.of(source_id, shape, with_masks)
        for evaluator in evaluators:
            evaluator.add(number, objects, of_image)
    found.finish()
    metrics = {k: v for e in evaluators for k, v in e.result().items()}
    folder = pathlib.Path(output_dir or pathlib.Path(detections).parent) / "eval"
    evaluation_report.write(folder, step=None, metrics=metrics, evaluators=evaluators)
    with Summaries(folder) as summaries:
        summaries.scalars(metrics, 0)
    logging.info("given detections\n%s", evaluation_report.summary(metrics))
    return metrics


def _evaluators(names, truth, found):
    if not names:
        names = [_OF_BOXES]
        if truth.have_masks and found.have_masks:
            names.append(_OF_MASKS)
    settings = eval_pb2.EvalConfig(metrics_set=names)
    try:
        return build_evaluators(settings, truth.label_map)
    except ConfigError as error:
        raise UserError(f"--metrics-set: {error.message}") from error
