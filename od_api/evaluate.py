"""Evaluation: a checkpoint and TFRecords in, metrics, report and pictures out."""

import pathlib

import tensorflow as tf
from absl import logging
from rich.progress import track

from od_api.checkpoints.checkpoint import restore_model
from od_api.checkpoints.checkpoint_paths import load
from od_api.config.compatibility import check_compatibility
from od_api.core import variables
from od_api.core.errors import ConfigError, UserError
from od_api.core.registry import build_field
from od_api.data.batch_fields import numeric, targets_of
from od_api.data.inputs import EvaluationInput
from od_api.metrics import build_evaluators, evaluation_report
from od_api.metrics.image_ids import ImageIds
from od_api.metrics.per_image import labelled, per_image
from od_api.pictures import draw
from od_api.system.path_names import one_name
from od_api.training.summaries import Summaries

# Of samplers: the validation losses of two checkpoints see the same draws.
_SEED = (0, 0)


def evaluate(config, checkpoint, *, output_dir=None):
    """Evaluates one checkpoint on every eval_input_reader.

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint: a checkpoint, or a directory whose newest one is taken.
      output_dir: where `eval/` goes; the checkpoint's directory by default.

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
    return Evaluation(config, detector, output_dir).run(step)


def detector_for_inference(config):
    """(detector, restore): a detector in float32 and what loads weights into it.

    `restore` takes a path, or what `checkpoint_paths.load` returned, and returns the
    checkpoint's step. It loads the averaged weights where the config's optimizer keeps
    them: they are what training evaluates, too.
    """
    detector = build_field(config, "model")
    named = variables.named_variables(detector.parts)
    optimizer = config.train_config.optimizer
    averaged = (
        config.train_config.HasField("optimizer") and optimizer.use_moving_average
    )

    def restore(path):
        return restore_model(path, named, moving_averages=averaged)

    return detector, restore


class Evaluation:
    """Evaluates a detector, whatever its weights are now, as often as asked.

    Args:
      config: TrainEvalPipelineConfig with at least one eval_input_reader.
      detector: the detector.
      output_dir: reports, pictures and event files go to `eval/<reader name>` in it;
        None writes nothing.

    Attributes:
      metric_names: of what `run` measures; losses come on top.
    """

    def __init__(self, config, detector, output_dir):
        if not config.eval_input_reader:
            raise ConfigError("is empty: nothing to evaluate on", "eval_input_reader")
        self._settings = config.eval_config
        self._detector = detector
        self._inputs = [
            EvaluationInput(config, i) for i in range(len(config.eval_input_reader))
        ]
        self.metric_names, seen = [], set()
        for i, source in enumerate(self._inputs):
            _check_name(source.name, f"eval_input_reader[{i}].name")
            # Bad records, too, must not wait for the first evaluation.
            source.check()
            if source.name in seen:
                raise ConfigError(
                    f"is {source.name!r} as before: two reports need two names",
                    f"eval_input_reader[{i}].name",
                )
            # A metric that does not exist must not wait for the first evaluation.
            evaluators = build_evaluators(self._settings, source.label_map)
            prefix = f"{source.name}/" if seen else ""
            seen.add(source.name)
            self.metric_names += [prefix + n for e in evaluators for n in e.result()]
            self._need_masks = any(e.needs_masks for e in evaluators)
            if self._need_masks and not config.eval_input_reader[i].load_instance_masks:
                raise ConfigError(
                    "is false, but the metrics_set measures masks: set it to true",
                    f"eval_input_reader[{i}].load_instance_masks",
                )
        self._root = output_dir and pathlib.Path(output_dir) / "eval"
        self._newest = 0
        self._predict = tf.function(
            self._predict_batch, autograph=False, reduce_retracing=True
        )

    def run(self, step):
        """Evaluates every reader; returns {metric name: float}."""
        metrics = {}
        for source in self._inputs:
            prefix = f"{source.name}/" if metrics else ""
            result = self._run_one(source, step)
            metrics.update({prefix + name: value for name, value in result.items()})
        return metrics

    def _run_one(self, source, step):
        evaluators = build_evaluators(self._settings, source.label_map)
        losses, pictures, ids = {}, [], ImageIds()
        dataset = source.evaluation_dataset(self._detector)
        batches = source.guarded(dataset)
        for batch in track(batches, "evaluating", transient=True):
            outputs, batch_losses = self._predict(numeric(batch))
            if self._need_masks and outputs.masks is None:
                raise ConfigError(
                    "measures masks, but the model predicts none",
                    "eval_config.metrics_set",
                )
            images = per_image(batch, outputs, self._need_masks)
            for image in images:
                number = ids.of(image["image_id"], image["source_id"])
                for evaluator in evaluators:
                    evaluator.add(number, image["groundtruth"], image["detections"])
            room = self._settings.num_visualizations - len(pictures)
            pictures += [self._draw(i, source.label_map) for i in images[:room]]
            _accumulate(losses, batch_losses, len(images))
        ids.report()
        metrics = {k: v for e in evaluators for k, v in e.result().items()}
        metrics.update(_mean_losses(losses))
        if self._root:
            directory = self._root / source.name
            self._write(directory, step, metrics, evaluators, pictures, source)
        return metrics

    def _predict_batch(self, batch):
        predictions = self._detector.call(batch["image"], batch["true_shape"])
        losses = self._detector.losses(predictions, targets_of(batch), _SEED)
        losses["regularization_loss"] = variables.regularization_loss(
            self._detector.parts
        )
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

    def _write(self, directory, step, metrics, evaluators, pictures, source):
        """Report and pictures are those of the newest step, whichever came last."""
        is_newest, self._newest = step >= self._newest, max(step, self._newest)
        if is_newest:
            evaluation_report.write(
                directory,
                step=step,
                metrics=metrics,
                evaluators=evaluators,
                label_map=source.label_map,
            )
        with Summaries(str(directory)) as summaries:
            summaries.scalars(metrics, step)
            for i, picture in enumerate(pictures):
                summaries.image(f"eval_side_by_side_{i}_0", picture[None], step)
        if pictures and is_newest:
            draw.contact_sheet(pictures).save(directory / "detections.jpg")
        logging.info(
            "step %d %s\n%s", step, source.name, evaluation_report.summary(metrics)
        )


def _check_name(name, field):
    """Refuses a reader's name that is no name of a folder: its report goes there."""
    try:
        one_name(name or "eval", "name of a reader")
    except UserError as error:
        raise ConfigError(str(error), field) from error


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
