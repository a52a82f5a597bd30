"""A detector and the weights that a checkpoint has for it."""

from od_api.checkpoints.checkpoint import restore_model
from od_api.core import variables
from od_api.core.registry import build_field


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
