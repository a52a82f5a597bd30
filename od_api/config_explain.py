"""`od-api config explain`: what a config does, in words.

The words are those of the parts' docstrings and of the notes that `config check` gives;
the numbers are of the parts themselves, built from the config.
"""

import inspect
from typing import NamedTuple

import tensorflow as tf

from od_api.config.compatibility import (
    check_compatibility,
    effective_notes,
    ignored_fields_set,
)
from od_api.config.loading import load_config
from od_api.config_check import NAMES, config_errors, error_lines
from od_api.core.errors import ConfigError
from od_api.core.message_fields import is_map, set_values
from od_api.core.printable import printable
from od_api.core.registry import build_field, is_slot, registered
from od_api.data.config_classes import finds_boxes
from od_api.metrics.metrics_sets import chosen_names
from od_api.old_api.typed_extractors import stands_for

_SECTIONS = (
    ("model", "The detector"),
    ("inference", "How it infers"),
    ("train_input_reader", "Training data"),
    ("train_config", "Training"),
    ("eval_input_reader", "Evaluation data"),
    ("eval_config", "Evaluation"),
)
_INDENT = "  "


class Explanation(NamedTuple):
    """What a config does.

    Attributes:
      lines: the text.
      refused: lines of it that say why training, evaluation or export refuse it.
    """

    lines: list
    refused: list


def explain(path, overrides=()):
    """The Explanation of a config, of one that is refused, too.

    Args:
      path, overrides: as `load_config`.

    Raises:
      ConfigError: the file does not parse.
    """
    config = load_config(path, overrides)
    errors, parts = config_errors(config, NAMES, rehearse=False)
    refused = error_lines(errors, path, overrides)
    if not refused:
        check_compatibility(config)  # logs what has no effect
    lines = [str(path), *_listed("Refused", refused), "", *_facts(config, parts)]
    for name, title in _SECTIONS:
        found = [f for f in set_values(config) if f[1].name == name]
        for place, _, message in found:
            lines += ["", f"{title} ({place})", *_described(message, _INDENT)]
    lines += _listed(
        "Without effect",
        [f"{place}: {why}" for place, why in ignored_fields_set(config, True)],
    )
    lines += _listed("Deprecated, and read all the same", _deprecated(config))
    lines += _listed(
        "Otherwise than in the old API (docs/migrating.md has the whole list)",
        effective_notes(config),
    )
    return Explanation(_safe(lines), _safe(refused))


def _safe(lines):
    return [printable(line, lines=True) for line in lines]


def _listed(title, rows):
    return ["", title, *(f"{_INDENT}{row}" for row in rows)] if rows else []


# The numbers


def _facts(config, parts):
    """What no single field says: sizes, counts, rates; of what can be built."""
    lines = [] if parts is None or parts.evaluated is None else _of(parts.evaluated)
    if config.HasField("train_config"):
        lines += _training(config)
    if config.HasField("eval_config") or config.eval_input_reader:
        names = chosen_names(config.eval_config, finds_boxes(config))
        lines.append(f"Evaluation measures {', '.join(names)}.")
    return lines


def _of(detector):
    return [
        f"{detector.num_classes} classes; the network's input is "
        f"{_size(detector.resizer)}.",
        _weights(detector),
        *_anchors(detector),
    ]


def _size(resizer):
    if resizer.output_shape is None:
        return "as large as an image becomes by its resizer"
    height, width = resizer.output_shape
    return f"{height} x {width} pixels (height x width)"


def _weights(detector):
    parts = {
        name: sum(int(tf.size(v)) for v in layer.weights)
        for name, layer in detector.parts.items()
    }
    listed = ", ".join(f"{name} {count:,}" for name, count in parts.items())
    return f"{sum(parts.values()):,} weights: {listed}."


def _anchors(detector):
    """The number of priors of one image, where its size is known."""
    shape = detector.resizer.output_shape
    if shape is None:
        return []

    # In a graph nothing but the shapes of the maps is computed.
    @tf.function(autograph=False)
    def levels_of(images):
        priors = detector.priors(images, tf.constant([shape]))
        return [] if priors is None else [tf.math.bincount(priors.levels)]

    found = levels_of(tf.zeros([1, *shape, 3]))
    if not found:
        return []
    levels = found[0].numpy()
    each = ", ".join(f"{n:,}" for n in levels)
    return [f"{int(levels.sum()):,} anchors or points; by map, finest first: {each}."]


def _training(config):
    settings = config.train_config
    steps, batch = settings.num_steps, settings.batch_size
    length = f"{steps:,} steps" if steps else "no num_steps, which training asks for,"
    lines = [
        f"Training has {length} with a batch of {batch}"
        + (f": {steps * batch:,} images in all." if steps else ".")
    ]
    optimizer = _optimizer(settings)
    if optimizer is not None:
        rate = optimizer.learning_rate
        shown = [0, steps // 4, steps // 2, 3 * steps // 4, max(steps - 1, 0)]
        rates = [
            f"{float(rate(tf.constant(step, tf.int64))):.3g} at {step:,}"
            for step in sorted(set(shown))
        ]
        lines.append(f"The learning rate is {', '.join(rates)}.")
        if settings.optimizer.use_moving_average:
            lines.append(
                "Averages of the weights are kept (use_moving_average, on by default): "
                "they are what is evaluated and exported."
            )
    if settings.fine_tune_checkpoint:
        lines.append(f"It starts from {settings.fine_tune_checkpoint}.")
    return lines


def _optimizer(settings):
    """None where there is none, or it is refused."""
    try:
        return build_field(settings, "optimizer")
    except ConfigError:
        return None


# The parts


def _described(message, indent):
    """The lines of a message: its own settings, then what is in it."""
    scalars, inner = [], []
    for place, field, value in set_values(message):
        if field.message_type is None:
            scalars.append((place, field, value))
        elif not is_map(field):
            inner.append((place, value))
    lines = _settings(message, scalars, indent)
    lines += _stands_for(message, indent)
    for place, value in inner:
        lines += _part(place, value, indent)
    return lines


def _part(place, message, indent):
    """The lines of a message in a field: a slot is called by what is in it."""
    while is_slot(message.DESCRIPTOR) and len(message.ListFields()) == 1:
        [(name, field, inner)] = set_values(message)
        if field.message_type is None:
            break
        place, message = f"{place}.{name}", inner
    what = _summary(message)
    head = f"{indent}{place}: {what}" if what else f"{indent}{place}"
    return [head, *_described(message, indent + _INDENT)]


def _settings(message, scalars, indent):
    """One line for each scalar; a list is one."""
    texts = {}
    for place, field, value in scalars:
        kind = field.enum_type
        text = kind.values_by_number[value].name if kind else _scalar(value)
        texts.setdefault(place.partition("[")[0], []).append(text)
    return [f"{indent}{name} {', '.join(found)}" for name, found in texts.items()]


def _scalar(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summary(message):
    """The first line of the docstring of the part that a message is of, or nothing."""
    part = registered().get(message.DESCRIPTOR.full_name)
    return (inspect.getdoc(part) or "").split("\n")[0] if part else ""


def _stands_for(message, indent):
    """The parts that an extractor's `type` stands for."""
    lines = [f"{indent}the type stands for:"]
    try:
        parts = stands_for(message)
    except ConfigError:  # it is among the refusals
        parts = []
    for part in parts:
        lines += _part(part.DESCRIPTOR.name.lower(), part, indent + _INDENT)
    return lines if len(lines) > 1 else []


# What is old


def _deprecated(message, path=""):
    """Paths of the set fields that the schema calls deprecated and that are read."""
    ignored = {place for place, _ in ignored_fields_set(message)} if not path else set()
    found = []
    for place, field, value in set_values(message):
        here = f"{path}.{place}" if path else place
        if field.GetOptions().deprecated:
            found.append(here)
        if field.message_type is not None and not is_map(field):
            found += _deprecated(value, here)
    return [place for place in found if place.partition("[")[0] not in ignored]
