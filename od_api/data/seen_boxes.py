"""The boxes of a config's records, as its detector sees them; for data tools."""

import tensorflow as tf

from od_api.core.errors import ConfigError, UserError
from od_api.data.inputs import Input, num_classes_of
from od_api.data.order import Part


def seen_batches(config, detector, reader=None, max_images=None):
    """Yields batches of one image, resized and not augmented.

    Args:
      config: TrainEvalPipelineConfig.
      detector: its Detector.
      reader: None for the training records, else the position of an eval_input_reader.
      max_images: as many are looked at; None for all.

    Raises:
      ConfigError: there is no such reader, or what is wrong with it.
      UserError: a number of images below 1, or records that cannot be read.
    """
    if max_images is not None and max_images < 1:
        raise UserError(f"the number of images is {max_images}; it must be at least 1")
    source = _source(config, reader)
    source.check()
    batches = source.dataset(
        detector, batch_size=1, training=False, part=Part(seed=0)
    ).take(-1 if max_images is None else max_images)
    return source.guarded(batches)


def priors_of(detector, shape, true_shapes):
    """The Priors of a batch of a static shape [1, H, W, 3], as training has them.

    Raises:
      UserError: the model has none.
    """

    # In a graph the network is not run: only shapes of its maps are asked for.
    @tf.function
    def priors():
        return detector.priors(tf.zeros(tuple(shape)), true_shapes, training=True)

    found = priors()
    if found is None:
        raise UserError("this model has no anchors to measure")
    return found


def _source(config, reader):
    if reader is None:
        message, place = config.train_input_reader, "train_input_reader"
    elif 0 <= reader < len(config.eval_input_reader):
        message, place = (
            config.eval_input_reader[reader],
            f"eval_input_reader[{reader}]",
        )
    else:
        count = len(config.eval_input_reader)
        raise ConfigError(
            f"has {count} entries, counted from 0, and number {reader} is asked for",
            "eval_input_reader",
        )
    return Input(message, place, num_classes_of(config), training=False)
