"""A detector over the records of all eval_input_readers, as often as asked."""

import pathlib
from typing import Any, NamedTuple

import tensorflow as tf
from absl import logging

from od_api.core import variables
from od_api.data.batch_fields import numeric, targets_of
from od_api.evaluation.diagnosed_images import DiagnosedImages
from od_api.evaluation.readers import readers_of, refuse_without_masks
from od_api.evaluation.saved_detections import SavedDetections
from od_api.evaluation.tiled_detector import TiledDetector
from od_api.metrics import build_evaluators, evaluation_report
from od_api.metrics.image_ids import ImageIds
from od_api.metrics.per_image import labelled, of_whole_images, per_image
from od_api.metrics.summaries import Summaries
from od_api.pictures import draw
from od_api.system.terminal import bars, tracked


class _Measured(NamedTuple):
    """What is known of a reader's images: `diagnosed` is DiagnosedImages or None."""

    source: Any
    metrics: dict
    evaluators: list
    pictures: list
    diagnosed: Any


# Of samplers: the validation losses of two checkpoints see the same draws.
_SEED = (0, 0)


class Evaluation:
    """Evaluates a detector, whatever its weights are now, as often as asked.

    Args:
      config: TrainEvalPipelineConfig with at least one eval_input_reader.
      detector: the detector.
      output_dir: reports, pictures and event files go to `eval/<reader name>` in it;
        None writes nothing.
      tiles: Tiling: images are seen in their files' sizes, tile by tile; there are no
        losses then. None: as the resizer makes them.
      given: GivenDetections or ExportDetections, in place of a detector; there are no
        losses then.
      save_to: path of a JSON file for what is found, as COCO results; None: no file.
      diagnosis: DiagnosisOptions: say what is wrong with boxes, too; None: do not.

    Attributes:
      metric_names: of what `run` measures; losses come on top.
      diagnoses: {reader name: Diagnosis} of the last `run`.
    """

    def __init__(
        self,
        config,
        detector,
        output_dir,
        tiles=None,
        *,
        given=None,
        save_to=None,
        diagnosis=None,
    ):
        self._settings = config.eval_config
        self._options, self.diagnoses = diagnosis, {}
        self._detector, self._given = given or detector, given
        self._save_to = save_to
        readers = readers_of(config)
        self._inputs = [reader.source for reader in readers]
        self.metric_names = [name for r in readers for name in r.metric_names]
        self._need_masks = any(reader.needs_masks for reader in readers)
        if given:
            given.refuse_classes([source.label_map for source in self._inputs])
        self._root = output_dir and pathlib.Path(output_dir) / "eval"
        self._newest = 0
        self._predict = tf.function(
            self._predict_batch, autograph=False, reduce_retracing=True
        )
        # {reader: batches of the first evaluation}, which tells how far others are.
        self._num_batches = {}
        self._tiled = None
        if tiles is not None:
            at_once = max(config.eval_config.batch_size, 1)
            self._tiled = TiledDetector(detector, tiles, at_once)

    def run(self, step):
        """Evaluates every reader; returns {metric name: float}.

        Args:
          step: of the checkpoint; None of detections that are given.
        """
        metrics = {}
        saved = SavedDetections(self._save_to) if self._save_to else None
        done = [self._measured(source, saved) for source in self._inputs]
        if self._given:
            self._given.finish()
        if saved:
            saved.write()
        for measured in done:
            prefix = f"{measured.source.name}/" if metrics else ""
            metrics |= {prefix + name: v for name, v in measured.metrics.items()}
            if measured.diagnosed:
                found = measured.diagnosed.result(measured.evaluators)
                self.diagnoses[measured.source.name] = found
            if self._root:
                self._write(step, measured)
        return metrics

    def _measured(self, source, saved):
        """The _Measured of a reader."""
        boxes = self._detector.finds_boxes
        evaluators = build_evaluators(self._settings, source.label_map, boxes)
        diagnosed = self._diagnosed(source) if boxes and self._options else None
        losses, pictures, ids = {}, [], ImageIds()
        dataset = source.evaluation_dataset(self._tiled or self._detector)
        for images, batch_losses in self._seen(source.guarded(dataset), source.name):
            for image in images:
                if saved:
                    found = image["detections"]
                    saved.add(image["source_id"], found, source.label_map)
                number = ids.of(image["image_id"], image["source_id"])
                for evaluator in evaluators:
                    evaluator.add(number, image["groundtruth"], image["detections"])
                if diagnosed:
                    diagnosed.add(number, image)
            room = self._settings.num_visualizations - len(pictures) if boxes else 0
            pictures += [self._draw(i, source.label_map) for i in images[:room]]
            _accumulate(losses, batch_losses, len(images))
        ids.report()
        metrics = {k: v for e in evaluators for k, v in e.result().items()}
        metrics.update(_mean_losses(losses))
        return _Measured(source, metrics, evaluators, pictures, diagnosed)

    def _diagnosed(self, source):
        folder = self._root / source.name if self._root else None
        return DiagnosedImages(
            source.label_map,
            self._settings,
            self._options,
            folder=folder,
            saves=not self._given or self._given.saves,
        )

    def _seen(self, batches, name):
        """Yields (images, {loss: scalar}), with a bar while it lasts."""
        number = 0
        with bars() as progress:
            total = self._num_batches.get(name)
            for batch in tracked(batches, "evaluating", total, progress):
                number += 1
                if self._given:
                    found = self._given.images(batch, self._need_masks, progress)
                    yield found, {}
                elif self._tiled:
                    found = self._tiled.predict(batch, progress)
                    yield self._images(batch, found), {}
                else:
                    outputs, losses = self._predict(numeric(batch))
                    yield self._images(batch, outputs), losses
        self._num_batches[name] = number

    def _images(self, batch, outputs):
        """What was found, image by image."""
        if not self._detector.finds_boxes:
            return of_whole_images(batch, outputs)
        if self._need_masks:
            refuse_without_masks(outputs)
        return per_image(batch, outputs, self._need_masks)

    def _predict_batch(self, batch):
        further = {name: batch[name] for name in self._detector.reads}
        predictions = self._detector.call(
            batch["image"], batch["true_shape"], **further
        )
        losses = self._detector.losses(predictions, targets_of(batch), _SEED)
        losses["regularization_loss"] = variables.regularization_loss(
            self._detector.parts
        )
        if not self._detector.finds_boxes:
            return self._detector.scores(predictions), losses
        return self._detector.detect(predictions), losses

    def _draw(self, image, label_map):
        shape = image["pixels"].shape[:2]
        return draw.side_by_side(
            image["pixels"],
            labelled(image["drawn_groundtruth"], label_map, shape),
            labelled(
                image["drawn_detections"],
                label_map,
                shape,
                self._settings.min_score_threshold,
                self._settings.max_num_boxes_to_visualize,
            ),
        )

    def _write(self, step, measured):
        """Report and pictures are those of the newest step, whichever came last."""
        source, metrics = measured.source, measured.metrics
        directory = self._root / source.name
        shown, step = step, step or 0
        is_newest, self._newest = step >= self._newest, max(step, self._newest)
        found, more = self.diagnoses.get(source.name), ""
        if is_newest:
            report = evaluation_report.write(
                directory,
                step=shown,
                metrics=metrics,
                evaluators=measured.evaluators,
                label_map=source.label_map,
                diagnosis=found and found.report,
            )
            if found:
                more = measured.diagnosed.write(report, found)
        with Summaries(str(directory)) as summaries:
            summaries.scalars(metrics, step)
            for i, picture in enumerate(measured.pictures):
                summaries.image(f"eval_side_by_side_{i}_0", picture[None], step)
        if measured.pictures and is_newest:
            sheet = draw.contact_sheet(measured.pictures)
            sheet.save(directory / "detections.jpg")
        of_what = self._given.name if self._given else f"step {shown}"
        text = evaluation_report.summary(metrics) + more
        logging.info("%s %s\n%s", of_what, source.name, text)


def _accumulate(totals, losses, images):
    for name, value in losses.items():
        total, count = totals.get(name, (0.0, 0))
        totals[name] = (total + float(value) * images, count + images)


def _mean_losses(totals):
    """{Loss/name: mean over images}, and their sum as Loss/total_loss."""
    means = {f"Loss/{k}": total / count for k, (total, count) in totals.items()}
    if means:
        means["Loss/total_loss"] = sum(means.values())
    return means
