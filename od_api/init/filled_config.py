"""The shipped config of a detector, filled in for a data set."""

import math
import re
from typing import NamedTuple

from od_api.init.data_facts import DataFacts
from od_api.init.detector_choices import model_of
from od_api.init.recipe import PATIENCE, SHORT, Recipe
from od_api.init.typed_extractor import set_batch_norm_decay, type_extractor
from od_api.init.weights_choice import Weights
from od_api.protos import pipeline_pb2

# Detections of an image that COCO's metrics and the configs keep.
_KEPT = 100
# Boxes below it change mAP by next to nothing, and suppressing them takes long.
_LEAST_SCORE = 0.01
# Of a batch, for a mean and a variance of its own.
_ENOUGH_IMAGES = 8
# Words in the names of classes that a mirror image gives the other one's look.
_SIDED = re.compile(r"(^|[^a-z])(left|right|links|rechts)([^a-z]|$)", re.IGNORECASE)


class Filling(NamedTuple):
    """What a config is filled in with.

    Attributes:
      num_classes: the largest id of the label map.
      class_names: all names.
      train, val: DataFacts of the parts.
      weights: Weights.
      recipe: Recipe.
      size: (height, width) that images are resized to; None for the detector's own.
    """

    num_classes: int
    class_names: list
    train: DataFacts
    val: DataFacts
    weights: Weights
    recipe: Recipe
    size: tuple | None = None

    @property
    def freezes_batch_norm(self):
        """Whether the backbone keeps the statistics that its weights came with."""
        return bool(self.weights.path) and self.recipe.batch_size < _ENOUGH_IMAGES


class RecordFiles(NamedTuple):
    """Where the data is, as a config says it: `label_map`, and lists of records."""

    label_map: str
    train: list
    val: list


def set_detector(model, filling):
    """Number of classes, size, network and detections; the anchors are as they were."""
    model.num_classes = filling.num_classes
    if filling.size:
        resizer = model.image_resizer.fixed_shape_resizer
        resizer.height, resizer.width = filling.size
    type_extractor(
        model,
        depth_multiplier=filling.weights.depth_multiplier,
        freeze=filling.freezes_batch_norm,
    )
    if filling.recipe.num_steps < SHORT:
        set_batch_norm_decay(model, filling.recipe.batch_norm_decay)
    most = max(filling.train.most_boxes, filling.val.most_boxes)
    suppression = _suppression(model)
    suppression.score_threshold = _LEAST_SCORE
    if most > _KEPT:
        kept = _up_to(2 * most, 100)
        suppression.max_total_detections = kept
        suppression.max_detections_per_class = kept


def set_training(config, filling):
    """Batch, schedule, augmentation, weights and evaluation."""
    recipe, weights = filling.recipe, filling.weights
    shipped, train = pipeline_pb2.TrainEvalPipelineConfig(), config.train_config
    shipped.CopyFrom(config)
    train.Clear()
    train.batch_size, train.num_steps = recipe.batch_size, recipe.num_steps
    if weights.path:
        train.fine_tune_checkpoint = weights.path
        train.fine_tune_checkpoint_type = weights.kind
    train.gradient_clipping_by_norm = 10.0
    train.checkpoint_every_n_steps = recipe.evaluate_every
    train.log_every_n_steps = max(min(recipe.evaluate_every // 2, 100), 1)
    _augment(train, shipped, filling.class_names)
    _optimize(train.optimizer, recipe)
    _evaluate(config, filling)


def set_readers(config, files, filling):
    """What is read; relative paths start from the config's folder."""
    most = max(filling.train.most_boxes, filling.val.most_boxes)
    config.ClearField("train_input_reader")
    config.ClearField("eval_input_reader")
    config.paths_from_this_file = True
    readers = config.train_input_reader, config.eval_input_reader.add()
    for reader, paths in zip(readers, (files.train, files.val), strict=True):
        reader.label_map_path = files.label_map
        reader.max_number_of_boxes = _up_to(max(most, 1), 10)
        reader.tf_record_input_reader.input_path.extend(paths)
    readers[1].shuffle = False


def mirrors(class_names):
    """Whether a mirror image shows the same classes."""
    return not any(map(_SIDED.search, class_names))


def _augment(train, shipped, class_names):
    """What the shipped config does to images, and changes of light besides."""
    steps = train.data_augmentation_options
    for step in shipped.train_config.data_augmentation_options:
        is_mirror = step.WhichOneof("preprocessing_step") == "random_horizontal_flip"
        if mirrors(class_names) or not is_mirror:
            steps.add().CopyFrom(step)
    steps.add().random_adjust_brightness.max_delta = 0.1
    steps.add().random_adjust_contrast.SetInParent()


def _optimize(optimizer, recipe):
    part = getattr(optimizer, f"{recipe.optimizer}_optimizer")
    if recipe.optimizer == "momentum":
        part.momentum_optimizer_value = 0.9
    rate = part.learning_rate.cosine_decay_learning_rate
    rate.learning_rate_base = recipe.rate
    rate.total_steps = recipe.num_steps
    rate.warmup_learning_rate = recipe.rate / 10
    rate.warmup_steps = recipe.warmup_steps
    optimizer.use_moving_average = True
    optimizer.moving_average_decay = recipe.average_decay


def _evaluate(config, filling):
    config.ClearField("eval_config")
    settings = config.eval_config
    settings.metrics_set.append("coco_detection_metrics")
    settings.batch_size = min(filling.recipe.batch_size, 8)
    settings.eval_every_n_steps = filling.recipe.evaluate_every
    settings.best_metric = "DetectionBoxes_Precision/mAP@.50IOU"
    settings.early_stopping.patience = PATIENCE
    suppression = _suppression(model_of(config))
    if suppression.max_total_detections > _KEPT:
        settings.max_detections = suppression.max_total_detections


def _suppression(model):
    is_ssd = model.DESCRIPTOR.name == "Ssd"
    last = model.post_processing if is_ssd else model.second_stage_post_processing
    return last.batch_non_max_suppression


def _up_to(number, unit):
    return math.ceil(number / unit) * unit
