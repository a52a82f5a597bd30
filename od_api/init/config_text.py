"""The words in a config that `od-api init` writes."""

import os

from od_api.init.commented_text import commented_text
from od_api.init.filled_config import mirrors
from od_api.init.fitted_anchors import anchor_field
from od_api.init.recipe import SHORT, kind_of_detector

_TRAIN = "train_config"


def config_text(config, choice, filling, fit, size):
    """The text of a filled config.

    Args:
      config: TrainEvalPipelineConfig.
      choice: Choice that it is of.
      filling: Filling.
      fit: Fit of the anchors, or None.
      size: (height, width) of the network's input.
    """
    kind = config.model.WhichOneof("model")
    model = getattr(config.model, kind)
    comments = _of_model(f"model.{kind}", model, filling, fit, size)
    comments |= _of_training(config, kind_of_detector(model), filling)
    comments |= _of_data(config, filling)
    comments["paths_from_this_file"] = (
        "Relative paths start from the folder of this file: move it as a whole."
    )
    return commented_text(config, _head(choice, filling), comments)


def _head(choice, filling):
    train, val = filling.train, filling.val
    source = os.path.join(choice.path.parent.name, choice.path.name)
    return [
        f"{choice.name} on {train.images} images ({len(train.boxes)} boxes), evaluated "
        f"on {val.images} ({len(val.boxes)}).",
        f"Made by od-api init of the shipped {source}.",
        "",
        "  od-api train THIS_FILE run/",
        "  od-api eval THIS_FILE run/",
        "  od-api export THIS_FILE run/ exported/",
        "  od-api detect exported/ PHOTOS --output found/",
        "",
        "Any field can be changed here or with --set (od-api config check says whether",
        "it fits).",
    ]


def _of_model(path, model, filling, fit, size):
    found = {
        f"{path}.num_classes": "As the label map has them.",
        f"{path}.image_resizer": (
            f"What the network sees; of the median image {size[0]}x{size[1]} pixels."
        ),
        f"{path}.feature_extractor": "What the shipped config's `type` stands for.",
    }
    if filling.freezes_batch_norm:
        found[f"{path}.feature_extractor"] += (
            " Its batch norm keeps the\nstatistics of the weights: a few images a step "
            "have none to speak of."
        )
    if fit:
        found[f"{path}.{anchor_field(model)}"] = _of_anchors(fit)
    return found


def _of_anchors(fit):
    if fit.changed:
        return (
            "Fitted to the boxes: their mean IoU with the best anchor is "
            f"{fit.after:.2f} (as shipped: {fit.before:.2f})."
        )
    return (
        "As shipped: the mean IoU of the boxes with the best anchor is "
        f"{fit.before:.2f},\nand no others are better by enough."
    )


def _of_training(config, kind, filling):
    recipe, weights = filling.recipe, filling.weights
    epochs = recipe.num_steps * recipe.batch_size / filling.train.images
    rate = f"{_TRAIN}.optimizer.{recipe.optimizer}_optimizer.learning_rate"
    augmented = f"Augmentation as {kind} detectors are used to."
    if not mirrors(filling.class_names):
        augmented += " No mirror images: classes differ by left and right."
    return {
        f"{_TRAIN}.batch_size": (
            "What this machine trains. Another batch wants another learning rate."
        ),
        f"{_TRAIN}.data_augmentation_options": augmented,
        f"{_TRAIN}.optimizer.use_moving_average": (
            "Averages of the weights are evaluated and exported; they follow within a "
            "third\nof the training."
        ),
        f"{_TRAIN}.num_steps": (
            f"Every image {epochs:.0f} times. Change total_steps below with it: the "
            "learning rate\nfalls until there."
        ),
        f"{_TRAIN}.fine_tune_checkpoint": f"{weights.note}.",
        f"{rate}.cosine_decay_learning_rate.total_steps": "As num_steps.",
        f"{_TRAIN}.checkpoint_every_n_steps": "As eval_every_n_steps.",
        "eval_config.early_stopping": (
            "Training stops when the best metric has not risen for so many evaluations."
        ),
        "eval_config.best_metric": "Its best checkpoint is kept in best/ of the run.",
    } | _of_short_training(config, recipe)


def _of_short_training(config, recipe):
    if recipe.num_steps >= SHORT or config.model.WhichOneof("model") != "ssd":
        return {}
    head = config.model.ssd.box_predictor.WhichOneof("box_predictor_oneof")
    place = f"model.ssd.box_predictor.{head}.conv_hyperparams.batch_norm.decay"
    return {place: "Fast, because the training is short (shipped: slower)."}


def _of_data(config, filling):
    most = max(filling.train.most_boxes, filling.val.most_boxes)
    found = {
        "train_input_reader.max_number_of_boxes": f"No image has more than {most}.",
        "eval_config.eval_every_n_steps": "Steps between two evaluations.",
    }
    if config.eval_config.HasField("max_detections"):
        found["eval_config.max_detections"] = "Images have many objects."
    return found
