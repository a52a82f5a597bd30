"""Evaluation: a checkpoint and TFRecords in, metrics, report and pictures out."""

import pathlib

from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.evaluation.evaluation import Evaluation


def evaluate(config, checkpoint, *, output_dir=None, tiles=None):
    """Evaluates one checkpoint on every eval_input_reader.

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint: a checkpoint, or a directory whose newest one is taken.
      output_dir: where `eval/` goes; the checkpoint's directory by default.
      tiles: a Tiling for images larger than the network's input: each tile is seen as
        an image of its own. None: each image is resized whole.

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
    return Evaluation(config, detector, output_dir, tiles).run(step)
