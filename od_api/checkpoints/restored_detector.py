"""A detector and the weights that a checkpoint has for it."""

from od_api.checkpoints.checkpoint import restore_model
from od_api.core import variables
from od_api.core.registry import build_field


def as_inferring(config, detector):
    """The detector as evaluation and export use it: as `config.inference` says.

    Raises:
      ConfigError: an `inference` that cannot be, or not of this detector.
    """
    if not config.HasField("inference"):
        return detector
    return build_field(config, "inference", detector=detector)


def detector_for_inference(config):
    """(detector, restore): a detector in float32 and what loads weights into it.

    `restore` takes a path, or what `checkpoint_paths.load` returned, and returns the
    checkpoint's step. It loads the averaged weights where the config's optimizer keeps
    them: they are what training evaluates, too.
    """
    detector = as_inferring(config, build_field(config, "model"))
    named = variables.named_variables(detector.parts)
    optimizer = config.train_config.optimizer
    averaged = (
        config.train_config.HasField("optimizer") and optimizer.use_moving_average
    )

    def restore(path):
        return restore_model(path, named, moving_averages=averaged)

    return detector, restore
