"""Metrics of a file of detections beside a file of ground truth, without a config."""

import pathlib

from absl import logging

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.evaluation.coco_truth import CocoTruth
from od_api.evaluation.diagnosed_images import DiagnosedImages
from od_api.evaluation.image_detections import ImageDetections
from od_api.metrics import build_evaluators, evaluation_report
from od_api.metrics.diagnosis.diagnosis import Diagnosing
from od_api.metrics.summaries import Summaries
from od_api.protos import eval_pb2

_OF_BOXES, _OF_MASKS = "coco_detection_metrics", "coco_mask_metrics"


def measure_files(
    detections, ground_truth, metrics_sets=(), output_dir=None, diagnosis=None
):
    """Measures detections of any origin.

    Args:
      detections: path, as of `read_detections`.
      ground_truth: path of a COCO annotation file, of which no image is read; or what
        `opened_truth` gives.
      metrics_sets: names, as of `eval_config.metrics_set`. Without any COCO's of boxes,
        and COCO's of masks where every object and every detection has one.
      output_dir: where `eval/` with the report goes; the folder of `detections` by
        default.
      diagnosis: DiagnosisOptions: say what is wrong with boxes, too; None: do not.

    Returns:
      {metric name: float}.

    Raises:
      UserError: bad files; detections that are not of these images and classes; a
        metric that does not exist. Nothing is written then.
    """
    truth, found = _opened(detections, ground_truth)
    evaluators = _evaluators(metrics_sets, truth, found)
    with_masks = any(evaluator.needs_masks for evaluator in evaluators)
    folder = pathlib.Path(output_dir or pathlib.Path(detections).parent) / "eval"
    diagnosed = diagnosis and DiagnosedImages(
        truth.label_map, None, diagnosis, folder=folder, saves=False
    )
    for number, image in _images(truth, found, with_masks):
        for evaluator in evaluators:
            evaluator.add(number, image["groundtruth"], image["detections"])
        if diagnosed:
            diagnosed.add(number, image)
    metrics = {k: v for e in evaluators for k, v in e.result().items()}
    _write(folder, metrics, evaluators, diagnosed)
    return metrics


def _write(folder, metrics, evaluators, diagnosed):
    result = diagnosed and diagnosed.result(evaluators)
    report = evaluation_report.write(
        folder,
        step=None,
        metrics=metrics,
        evaluators=evaluators,
        diagnosis=result and result.report,
    )
    with Summaries(folder) as summaries:
        summaries.scalars(metrics, 0)
    text = evaluation_report.summary(metrics)
    if diagnosed:
        text += diagnosed.write(report, result)
    logging.info("given detections\n%s", text)


def diagnose_files(detections, ground_truth):
    """The Diagnosis of detections of any origin, without intervals.

    Args, Raises: as of `measure_files`.
    """
    truth, found = _opened(detections, ground_truth)
    diagnosing = Diagnosing(truth.label_map, samples=0)
    for number, image in _images(truth, found, with_masks=False):
        diagnosing.add(number, image)
    return diagnosing.result()


def _opened(detections, ground_truth):
    is_open = hasattr(ground_truth, "label_map")
    truth = ground_truth if is_open else CocoTruth(ground_truth)
    name = printable(truth.path)
    found = ImageDetections(detections, f"image of {name}", truth.offset)
    found.refuse_classes(truth.ids, f"the classes of {name}")
    return truth, found


def _images(truth, found, with_masks):
    """Yields (number, image as of `per_image`, without pixels)."""
    for number, (source_id, shape, objects) in enumerate(truth.images(with_masks)):
        yield (
            number,
            {
                "source_id": str(source_id).encode(),
                "groundtruth": objects,
                "detections": found.of(source_id, shape, with_masks),
            },
        )
    found.finish()


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
