"""Fields of the old schema that mean nothing here, that are refused, or that now act.

The first two belong to messages that no single part stands for; a part lists its own in
its `@register` line. Each is said once, so that nobody believes in a switch that is not
connected; what would change results, had it been connected, stops the run instead.
"""

from od_api.config.meaningless_settings import refuse_meaningless
from od_api.core.errors import ConfigError, MissingPart
from od_api.core.field_ranges import refuse_ranges
from od_api.core.message_fields import is_map, is_repeated
from od_api.core.registry import ignored_fields, part_class
from od_api.core.warn_once import warn_once
from od_api.old_api.feature_extractor_aliases import fields_without_effect
from od_api.protos import pipeline_pb2

_QUEUES = "tf.data sizes its own queues"
_TF1 = "it steered TensorFlow 1 sessions"
_EXPECTED_WEIGHTS = "it belongs to expected_loss_weights, which is refused itself"

IGNORED_FIELDS = {
    "TrainConfig": {
        "replicas_to_aggregate": (
            "devices that train in step wait for all of them, and asynchronous workers "
            "for none"
        ),
        "keep_checkpoint_every_n_hours": (
            "max_checkpoints_to_keep counts what is kept, and best/ is kept beside"
        ),
        "use_bfloat16": (
            "it was for TPUs alone; set precision: MIXED_BFLOAT16 for it here"
        ),
        "summarize_gradients": "gradients are not written to TensorBoard",
        "batch_queue_capacity": _QUEUES,
        "num_batch_queue_threads": _QUEUES,
        "prefetch_queue_capacity": _QUEUES,
        "max_number_of_boxes": "set max_number_of_boxes of the input reader",
        "unpad_groundtruth_tensors": (
            "ground truth is padded and masked, and matching leaves padding out "
            "(XLA keeps it)"
        ),
        "retain_original_images": "evaluation keeps what it draws",
        "fine_tune_checkpoint_version": "checkpoints are recognised by their content",
        "run_fine_tune_checkpoint_dummy_computation": (
            "variables exist from construction on"
        ),
        "load_all_detection_checkpoint_vars": "use fine_tune_checkpoint_type: 'full'",
    },
    "EvalConfig": {
        "num_examples": "every record is evaluated once",
        "eval_interval_secs": (
            "training evaluates every eval_every_n_steps, and an evaluator of its own "
            "each checkpoint as soon as it appears"
        ),
        "max_evals": _TF1,
        "save_graph": _TF1,
        "eval_master": _TF1,
        "export_path": "the report goes to the evaluation directory",
        "visualization_export_dir": "pictures go to the evaluation directory",
        "use_moving_averages": (
            "optimizer.use_moving_average decides: with it training, evaluation and "
            "export all use the averages"
        ),
        "ignore_groundtruth": "evaluation needs ground truth; use od-api detect",
        "eval_instance_masks": "metrics_set decides",
        "groundtruth_box_visualization_color": "ground truth is drawn beside",
        "visualize_groundtruth_boxes": "ground truth is always drawn, beside",
        "skip_scores": "drawings always carry their scores",
        "skip_labels": "drawings always carry their labels",
        "keypoint_edge": "keypoints are not drawn",
        "keep_image_id_for_visualization_export": "no single pictures are exported",
        "retain_original_images": "evaluation keeps what it draws",
        "retain_original_image_additional_channels": "images have three channels",
        "use_dummy_loss_in_eval": "validation losses are real",
    },
    "InputReader": {
        "queue_capacity": _QUEUES,
        "min_after_dequeue": _QUEUES,
        "prefetch_size": _QUEUES,
        "num_parallel_map_calls": _QUEUES,
        "num_parallel_batches": _QUEUES,
        "num_prefetch_batches": _QUEUES,
        "filenames_shuffle_buffer_size": "all file names are shuffled together",
        "include_source_id": "source ids are always read",
        "use_display_name": "name and display_name are both matched",
        "keypoint_type_weight": "no detector here trains on keypoints",
        "frame_index": "it belongs to TF_SEQUENCE_EXAMPLE, which is refused itself",
    },
    "SsdFeatureExtractor": {
        "replace_preprocessor_with_placeholder": (
            "normalisation is always inside the model"
        ),
    },
    "Loss": {
        "min_num_negative_samples": _EXPECTED_WEIGHTS,
        "desired_negative_sampling_ratio": _EXPECTED_WEIGHTS,
    },
}

# Without these the results would be others than the author of the config expects.
REFUSED_FIELDS = {
    "TrainEvalPipelineConfig": {
        "graph_rewriter": (
            "od_api does not train for quantisation: remove the field, and quantise "
            "what was trained (od-api export --format litert --precision int8)"
        ),
    },
    "EvalConfig": {
        "force_no_resize": (
            "od_api evaluates on images as the model's image_resizer makes them: "
            "remove the field, or choose identity_resizer"
        ),
        "parameterized_metric": (
            "od_api has no metrics of keypoints yet: remove the field"
        ),
    },
}

# New fields of old messages have numbers from here on.
FIRST_NEW_NUMBER = 1000

# The old API's TensorFlow 2 trainer passed over these; its TensorFlow 1 one did not.
NOW_EFFECTIVE = {
    "TrainConfig": (
        "freeze_variables",
        "update_trainable_variables",
        "bias_grad_multiplier",
    ),
    "Hyperparams": ("group_norm",),
    "BatchNorm": ("train",),
}


def check_compatibility(config):
    """Logs what has no effect, or a new one; refuses what would change results.

    Raises:
      ConfigError: a field of REFUSED_FIELDS is set, or a value is out of its range.
    """
    refuse_ranges(config)
    refuse_unsupported(config)
    refuse_meaningless(config)
    # What parts ignore is said when they are built.
    for path, reason in ignored_fields_set(config):
        warn_once(f"{path} has no effect: {reason}")
    for note in effective_notes(config):
        warn_once(note)


def refuse_unsupported(config):
    """Raises ConfigError for the first set field that od_api cannot honour."""
    for error in unsupported(config):
        raise error


def unsupported(config):
    """Yields a ConfigError for each set field that od_api cannot honour."""
    for path, message, field in _set_fields(config):
        reason = REFUSED_FIELDS.get(message, {}).get(field)
        if reason:
            yield MissingPart(reason, path)


def refuse_uncompilable(config, replicas=1):
    """Refuses jit_compile with operations that XLA has only in another form, or not.

    Args:
      config: TrainEvalPipelineConfig.
      replicas: devices that train in step.

    Raises:
      ConfigError: train_config.jit_compile is on, and a model that needs them does not
        ask for these forms, or there are several devices.
    """
    if config.train_config.jit_compile and replicas > 1:
        raise ConfigError(
            f"compiles the step of one device, and {replicas} train in step: remove "
            "the field, or leave one device visible (CUDA_VISIBLE_DEVICES)",
            "train_config.jit_compile",
        )
    kind = config.model.WhichOneof("model")
    detector = part_class(config.model)
    if not config.train_config.jit_compile or detector is None:
        return
    model = getattr(config.model, kind)
    needed = detector.fields_for_xla(model)
    missing = [f"{field}: true" for field in needed if not getattr(model, field)]
    if missing:
        raise ConfigError(
            f"XLA cannot compile this model: set {' and '.join(missing)} in "
            f"model.{kind}, or remove the field",
            "train_config.jit_compile",
        )


def compatibility_notes(config):
    """One sentence for each set field that has no effect, or one it never had."""
    ignored = ignored_fields_set(config, of_parts=True)
    notes = [f"{path} has no effect: {reason}" for path, reason in ignored]
    return notes + effective_notes(config)


def ignored_fields_set(config, of_parts=False):
    """[(path, reason)] of every field that is set to something and has no effect.

    Args:
      config: any message.
      of_parts: with the fields that parts ignore.
    """
    found = []
    for path, message, field in _set_fields(config):
        reasons = dict(IGNORED_FIELDS.get(message, {}))
        if of_parts:
            reasons.update(ignored_fields(f"od_api.protos.{message}"))
        if field in reasons:
            found.append((path, reasons[field]))
    return found + (_ignored_by_type(config) if of_parts else [])


def _ignored_by_type(config):
    """[(path, reason)] of what the type of a feature extractor of SSD does not read."""
    if not isinstance(config, pipeline_pb2.TrainEvalPipelineConfig):
        return []
    extractor = config.model.ssd.feature_extractor
    return [
        (f"model.ssd.feature_extractor.{field}", f"{extractor.type} does not read it")
        for field in fields_without_effect(extractor)
    ]


def effective_notes(config):
    """One sentence for each set field that the old API's trainer ignored."""
    return [
        f"{path} takes effect: the old API's TensorFlow 2 trainer ignored it"
        for path, message, field in _set_fields(config, of_old_parts=True)
        if field in NOW_EFFECTIVE.get(message, ())
    ]


def _set_fields(message, path="", of_old_parts=False):
    """(path, message name, field name) of every set field, outer ones first.

    A field that is set to its default says nothing and is left out; `of_old_parts`
    leaves out what stands inside of fields that the old API did not have.
    """
    name = message.DESCRIPTOR.full_name.removeprefix("od_api.protos.")
    for field, value in message.ListFields():
        here = f"{path}.{field.name}" if path else field.name
        plain = field.message_type is None or is_map(field)
        if is_repeated(field) or not plain or value != field.default_value:
            yield here, name, field.name
        if plain or (of_old_parts and field.number >= FIRST_NEW_NUMBER):
            continue
        if is_repeated(field):
            for i, item in enumerate(value):
                yield from _set_fields(item, f"{here}[{i}]", of_old_parts)
        else:
            yield from _set_fields(value, here, of_old_parts)
