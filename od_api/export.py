"""Export: a checkpoint in, a SavedModel with the old API's signature out."""

import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf
from absl import logging

from od_api.core import checkpoint_files, serving
from od_api.core.compatibility import check_compatibility
from od_api.core.config import write_config
from od_api.core.errors import UserError
from od_api.core.fold_batch_norm import freeze_and_fold
from od_api.data.inputs import label_map_path
from od_api.evaluate import detector_for_inference

# Largest differences allowed between the checkpoint and what was exported.
BOX_LIMIT_PIXELS = 1e-3
SCORE_LIMIT = 1e-5


def export(
    config,
    checkpoint,
    output_dir,
    *,
    input_type="image_tensor",
    name="detector",
    version=1,
):
    """Writes a SavedModel, and the directory that TensorFlow Serving wants.

    The directory appears whole or not at all:

        pipeline.config
        checkpoint/                 the weights exported
        saved_model/                SavedModel, label map among its assets
        serving/<name>/<version>/   the same, with warm-up requests
        parity.json                 largest differences from the checkpoint

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint: a checkpoint, or a directory whose newest one is taken.
      output_dir: directory to create.
      input_type: one of `serving.INPUT_TYPES`.
      name: the model's name for TensorFlow Serving.
      version: its version.

    Returns:
      {"boxes": pixels, "scores": difference}, the largest ones found.

    Raises:
      UserError: bad arguments, or the exported model differs from the checkpoint.
    """
    output_dir = pathlib.Path(output_dir)
    if output_dir.exists():
        raise UserError(f"{output_dir} exists already: choose another, or remove it")
    serving.check_input_type(input_type)
    check_compatibility(config)
    path = checkpoint_files.resolve(checkpoint)
    detector, restore = detector_for_inference(config)
    step = restore(path)
    logging.info("exporting %s (step %d)", path, step)
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(dir=output_dir.parent, prefix=".export-"))
    try:
        _write(partial, config, detector, input_type, name, version)
        _copy_checkpoint(path, partial / "checkpoint")
        differences = _check_parity(partial, detector, input_type)
        partial.chmod(0o755)
        partial.rename(output_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    logging.info("exported to %s", output_dir)
    return differences


def _write(root, config, detector, input_type, name, version):
    write_config(config, root / "pipeline.config")
    network, folded = freeze_and_fold(_network(detector))
    logging.info("folded %d scales of batch norm into convolutions", folded)
    module = serving.ServingModule(
        network,
        detector.resizer,
        input_type,
        label_map_path(config),
    )
    saved = root / "saved_model"
    tf.saved_model.save(module, str(saved), signatures=module.signatures())
    served = root / "serving" / name / str(version)
    shutil.copytree(saved, served)
    serving.write_warmup(served, name, input_type, detector.resizer)


def _network(detector):
    """ConcreteFunction: padded images and true shapes -> raw and final outputs."""
    height, width = detector.resizer.output_shape or (None, None)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, height, width, 3], tf.float32, "images"),
            tf.TensorSpec([None, 2], tf.int32, "true_shapes"),
        ]
    )
    def run(images, true_shapes):
        return serving.outputs_of(detector, images, true_shapes)

    return run.get_concrete_function()


def _copy_checkpoint(path, directory):
    """Copies a checkpoint's files as ckpt-0, as the old exporter named them."""
    directory.mkdir()
    path = pathlib.Path(path)
    for file in path.parent.glob(path.name + ".*"):
        shutil.copy2(file, directory / file.name.replace(path.name, "ckpt-0", 1))


def _check_parity(root, detector, input_type):
    """Compares the reloaded SavedModel with the detector on seeded images.

    All anchors are compared: the order of final detections may turn on a tie.
    """
    module = tf.saved_model.load(str(root / "saved_model"))
    worst = {"boxes": 0.0, "scores": 0.0}
    rng = np.random.default_rng(0)
    for height, width in ((300, 300), (240, 401)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        got = module.signatures["serving_default"](serving.as_input(image, input_type))
        images, true_shapes = serving.resize(detector.resizer, image[None])
        want = serving.outputs_of(detector, images, true_shapes)
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        pixels = tf.concat([size, size], axis=0)
        boxes = (got["raw_detection_boxes"] - want["raw_detection_boxes"]) * pixels
        scores = got["raw_detection_scores"] - want["raw_detection_scores"]
        worst["boxes"] = max(worst["boxes"], float(tf.reduce_max(tf.abs(boxes))))
        worst["scores"] = max(worst["scores"], float(tf.reduce_max(tf.abs(scores))))
    logging.info(
        "parity with the checkpoint: boxes within %.2g px, scores within %.2g",
        worst["boxes"],
        worst["scores"],
    )
    (root / "parity.json").write_text(serving.parity_json(worst))
    if worst["boxes"] > BOX_LIMIT_PIXELS or worst["scores"] > SCORE_LIMIT:
        raise UserError(
            "the exported model differs from the checkpoint: boxes by "
            f"{worst['boxes']:.3g} px (limit {BOX_LIMIT_PIXELS:g}), scores by "
            f"{worst['scores']:.3g} (limit {SCORE_LIMIT:g}); nothing was exported"
        )
    return worst
