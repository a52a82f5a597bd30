"""The config of an export whose parts run in their static forms."""

import copy

from od_api.core.message_fields import set_values

# Fields that choose the static form, of whatever message has them.
_STATIC_FORMS = {"use_static_shapes", "use_matmul_crop_and_resize"}


def with_static_shapes(config):
    """A copy of a TrainEvalPipelineConfig: suppressions, region operators are static.

    Without loops over images and classes, and without TensorFlow's kernels, so that
    other engines take it. The detections are the same.
    """
    config = copy.deepcopy(config)
    _set_below(config.model)
    pyramid = config.inference.image_pyramid
    # Where it sets neither, it takes the model's.
    if pyramid.HasField("suppression") or pyramid.HasField("batch_non_max_suppression"):
        _set_below(pyramid)
    return config


def _set_below(message):
    fields = message.DESCRIPTOR.fields_by_name
    if "batch_non_max_suppression" in fields:
        message.batch_non_max_suppression.use_static_shapes = True
    for name in _STATIC_FORMS & set(fields):
        setattr(message, name, True)
    for _, field, value in set_values(message):
        if field.message_type is not None:
            _set_below(value)
