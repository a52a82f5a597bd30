"""Fields of the old schema that are accepted and change nothing here, and why.

These belong to messages that no single part stands for; a part lists its own in its
`@register` line. `log_ignored` says each once, so that nobody believes in a switch that
is not connected.
"""

from absl import logging

from od_api.core.registry import is_map, is_repeated

_QUEUES = "tf.data sizes its own queues"
_TF1 = "it steered TensorFlow 1 sessions"

IGNORED_FIELDS = {
    "TrainConfig": {
        "batch_queue_capacity": _QUEUES,
        "num_batch_queue_threads": _QUEUES,
        "prefetch_queue_capacity": _QUEUES,
        "max_number_of_boxes": "set max_number_of_boxes of the input reader",
        "unpad_groundtruth_tensors": "ground truth is always padded and masked",
        "retain_original_images": "evaluation keeps what it draws",
        "fine_tune_checkpoint_version": "checkpoints are recognised by their content",
        "run_fine_tune_checkpoint_dummy_computation": (
            "variables exist from construction on"
        ),
        "load_all_detection_checkpoint_vars": "use fine_tune_checkpoint_type: 'full'",
    },
    "EvalConfig": {
        "num_examples": "every record is evaluated once",
        "max_evals": _TF1,
        "save_graph": _TF1,
        "eval_master": _TF1,
        "export_path": "the report goes to the evaluation directory",
        "ignore_groundtruth": "evaluation needs ground truth; use od-api detect",
        "eval_instance_masks": "metrics_set decides",
        "groundtruth_box_visualization_color": "ground truth is drawn beside",
        "keep_image_id_for_visualization_export": "drawings carry their image id",
        "retain_original_images": "evaluation keeps what it draws",
        "use_dummy_loss_in_eval": "validation losses are real",
    },
    "InputReader": {
        "queue_capacity": _QUEUES,
        "min_after_dequeue": _QUEUES,
        "prefetch_size": _QUEUES,
        "num_parallel_map_calls": _QUEUES,
        "num_parallel_batches": _QUEUES,
        "num_prefetch_batches": _QUEUES,
        "use_display_name": "name and display_name are both matched",
    },
    "TrainEvalPipelineConfig": {
        "graph_rewriter": "quantisation-aware training is not offered",
    },
}


def ignored_fields_set(message, path=""):
    """[(path, reason)] of every set field of the tree that has no effect."""
    reasons = IGNORED_FIELDS.get(message.DESCRIPTOR.name, {})
    found = []
    for field, value in message.ListFields():
        here = f"{path}.{field.name}" if path else field.name
        if field.name in reasons:
            found.append((here, reasons[field.name]))
        elif field.message_type is None or is_map(field):
            continue
        elif is_repeated(field):
            for i, item in enumerate(value):
                found += ignored_fields_set(item, f"{here}[{i}]")
        else:
            found += ignored_fields_set(value, here)
    return found


def log_ignored(config):
    """Says once in the log which fields of a config have no effect, and why."""
    for path, reason in ignored_fields_set(config):
        logging.warning("%s has no effect: %s", path, reason)
