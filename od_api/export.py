"""Export: a checkpoint in, a model with the old API's signature out.

The output directory appears whole or not at all:

    pipeline.config
    parity.json                 largest differences from the checkpoint

and of a SavedModel

    checkpoint/                 the weights, without the optimizer
    saved_model/                SavedModel, label map among its assets
    serving/<name>/<version>/   the same, with a warm-up request

or of another format one file, such as model.onnx, with config and label map in it.

The weights are the averaged ones where the config's optimizer keeps averages.
"""

import contextlib
import importlib
import json
import math
import os
import pathlib
import shutil
from typing import Any

import keras
import tensorflow as tf
from absl import logging
from google.protobuf import text_format
from google.protobuf.message import Message

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.config.loading import nearest, write_config
from od_api.core.errors import UserError
from od_api.data.inputs import finds_boxes, label_map_path
from od_api.data.label_map import LabelMap
from od_api.detectors.given_boxes import GivenBoxes
from od_api.engines import artefacts
from od_api.evaluate import detections_of_finder
from od_api.evaluation.evaluation import Evaluation
from od_api.evaluation.readers import refuse_no_readers
from od_api.exporting import parity, raw_form, serving
from od_api.exporting.frozen_network import FrozenNetwork
from od_api.exporting.signature_inputs import SignatureInputs
from od_api.exporting.static_shapes import with_static_shapes
from od_api.exporting.written_form import WrittenForm
from od_api.inference.finders import Finder, finder
from od_api.layers.engine_operators import engine_operators
from od_api.system.new_folders import appears_whole, check_new_folder
from od_api.system.path_names import one_name
from od_api.system.terminal import busy

# What TensorFlow raises when it cannot write; other errors are not the disk's.
_DISK_ERRORS = (
    OSError,
    tf.errors.ResourceExhaustedError,
    tf.errors.PermissionDeniedError,
    tf.errors.UnavailableError,
)

# Bytes of weights from which on those with more numbers than _LARGE_KERNEL are
# variables of the exported model, and not constants: see FrozenNetwork.
_LARGE_NETWORK = 2**26
_LARGE_KERNEL = 2**14

# What is written; the first is for TensorFlow and TensorFlow Serving.
FORMATS = (artefacts.SAVED_MODEL, *artefacts.ENGINES)

# Those whose engines have a suppression and crops of their own.
_OWN_OPERATORS = ("onnx", "openvino")

# Names of the differences in parity.json.
_REPORTED = {
    "boxes": "largest_box_difference_px",
    "scores": "largest_score_difference",
}


def export(
    config: Message,
    checkpoint: Any,
    output_dir: str | os.PathLike[str],
    *,
    name: str = "detector",
    version: int = 1,
    static: bool = False,
    model_format: str = "saved_model",
    **options: Any,
) -> dict[str, float]:
    """Writes a model for serving: a SavedModel, or one for another engine.

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint: a checkpoint, or a directory whose newest one is taken.
      output_dir: directory to create; an empty one may exist.
      name: the SavedModel's name for TensorFlow Serving.
      version: its version, 0 or more.
      static: suppression and region operators in their static forms, which other
        engines take; slower in TensorFlow. The exported pipeline.config says so.
      model_format: one of FORMATS. All but saved_model are static, and take
        image_tensor alone.
      options: input_type, input_name and input_shape, as of `SignatureInputs`; form,
        precision, calibration_images, float_layers, sensitivity, full_integer,
        evaluate, batch_sizes and image_size, as of `WrittenForm`.

    Returns:
      {"boxes": pixels, "scores": difference}, the largest ones found; of a model
      without boxes scores alone.

    Raises:
      UserError: bad arguments, the disk is full, or the exported model differs from
        the checkpoint. Nothing is left behind.
    """
    output_dir = pathlib.Path(output_dir)
    _check_arguments(output_dir, name, version)
    form, options = WrittenForm.parted(options)
    inputs = SignatureInputs(**options)
    _check_format(model_format, inputs)
    form = form.checked(model_format)
    check_compatibility(config)
    more = form.for_writer(model_format, config)
    if form.evaluate:
        _check_evaluated(config, inputs)
    if static or model_format != FORMATS[0]:
        config = with_static_shapes(config)
    label_map = _label_map(config)
    found = load(checkpoint)
    detector = _restored(config, found, inputs)
    inputs = form.inputs(inputs, model_format, detector.resizer)
    is_onnx = model_format == "onnx"
    with engine_operators(model_format in _OWN_OPERATORS, is_onnx):
        module = _serving_module(detector, inputs, label_map, form.is_raw)
    with _disk_errors(output_dir), appears_whole(output_dir) as partial:
        write_config(config, partial / "pipeline.config")
        if model_format != artefacts.SAVED_MODEL:
            writer = importlib.import_module(artefacts.ENGINES[model_format].writer)
            metadata = _metadata(config, label_map) | form.metadata()
            model = writer.write(module, partial, metadata, **more)
        else:
            _write_weights(found, partial / "checkpoint")
            model = _write_model(module, partial, name, version)
        if form.is_raw:
            raw_form.write(detector, partial, getattr(model, "steps", {}))
            model = raw_form.RawModel(model, partial)
        differences = _differences(model, detector, inputs, form.is_exact)
        report = _evaluated(model, partial, detector, config) if form.evaluate else {}
        report = form.reported(more) | report
        _write_report(differences, partial / "parity.json", report)
    logging.info("exported to %s", output_dir)
    return differences


def _restored(config, found, inputs):
    detector, restore = detector_for_inference(config)
    exported = GivenBoxes(detector) if inputs.has_boxes else detector
    logging.info("exporting %s (step %d)", found.prefix, restore(found))
    return exported


def _check_format(model_format, inputs):
    if model_format not in FORMATS:
        raise UserError(
            f"there is no format {model_format!r}; {nearest(model_format, FORMATS)}"
        )
    if model_format != FORMATS[0] and inputs.kind != "image_tensor":
        raise UserError(
            f"a model as {model_format} takes decoded images: export it with "
            "--input-type image_tensor"
        )


def _metadata(config, label_map):
    """{key: text} of what a model of one file says of itself."""
    found = {artefacts.CONFIG: text_format.MessageToString(config)}
    if label_map:
        found[artefacts.LABEL_MAP] = LabelMap.load(label_map).to_text()
    return found


@busy("exporting: comparing the model with the checkpoint")
def _differences(model, detector, inputs, is_exact):
    return parity.check(model, detector, inputs, is_exact=is_exact)


def _check_evaluated(config, inputs):
    """Refuses what `_evaluated` could not measure in the end."""
    refuse_no_readers(config)
    if inputs.has_boxes or inputs.kind != "image_tensor":
        raise UserError(
            "--evaluate measures models that find boxes in decoded images: leave out "
            "--input-type, or --evaluate"
        )
    if not finds_boxes(config):
        raise UserError("--evaluate measures boxes, and the config's model finds none")


def _evaluated(model, folder, detector, config):
    """{"evaluation": metrics of the exported model and the checkpoint, and what the
    former has less of the main one}; logged, too."""
    is_raw = isinstance(model, raw_form.RawModel)
    found = Finder(model.find, None, None, folder, "raw") if is_raw else finder(folder)
    given = detections_of_finder(found, config)
    ours = Evaluation(config, detector, None)
    found = {
        "checkpoint": ours.run(None),
        "exported": Evaluation(config, None, None, given=given).run(None),
    }
    best = config.eval_config.best_metric
    main = best if best in ours.metric_names else ours.metric_names[0]
    before, after = found["checkpoint"][main], found["exported"][main]
    logging.info(
        "%s: checkpoint %.4f, exported %.4f, lost %.4f",
        *(main, before, after, before - after),
    )
    kept = {
        which: {n: _number(metrics[n]) for n in ours.metric_names}
        for which, metrics in found.items()
    }
    lost = {"metric": main, "lost": _number(before - after)}
    return {"evaluation": lost | kept}


def _number(value):
    """As JSON has it: nothing in the place of what is no number."""
    return float(value) if math.isfinite(value) else None


@busy("exporting: freezing the network")
def _serving_module(detector, inputs, label_map, is_raw=False):
    if is_raw:
        raw_form.check(detector)
    return serving.ServingModule(
        _network(detector, (raw_form if is_raw else serving).outputs_of),
        detector.resizer,
        inputs,
        label_map,
        detector.options,
        detector.reads,
    )


def _check_arguments(output_dir, name, version):
    check_new_folder(output_dir)
    one_name(name, "model name")
    if not 0 <= version < 2**63:
        raise UserError(
            f"TensorFlow Serving wants versions from 0 up, of 63 bits, not {version}"
        )


def _label_map(config):
    """Path of the config's label map, or None where the file is not here."""
    try:
        path = label_map_path(config)
    except UserError as error:
        logging.warning("exporting without a label map: %s", error)
        return None
    if not tf.io.gfile.exists(path):
        logging.warning("exporting without a label map: there is no %s", path)
        return None
    LabelMap.load(path)
    return path


@contextlib.contextmanager
def _disk_errors(output_dir):
    """Turns what a full disk or a forbidden folder raises into a UserError."""
    try:
        yield
    except _DISK_ERRORS as error:
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"cannot write {output_dir}: {reason.splitlines()[0]}. Nothing was exported"
        ) from error


def _network(detector, outputs_of):
    """FrozenNetwork: padded images and true shapes -> raw and final outputs.

    It takes what the detector reads and its options, too, in their order.

    Args:
      detector: a Detector.
      outputs_of: (detector, *arguments) -> {output name: tensor}.
    """
    height, width = detector.resizer.output_shape or (None, None)
    signature = [
        tf.TensorSpec([None, height, width, 3], tf.float32, "images"),
        tf.TensorSpec([None, 2], tf.int32, "true_shapes"),
    ]
    shapes = {"scale": [None], "boxes": [None, None, 4]}
    signature += [tf.TensorSpec(shapes[n], tf.float32, n) for n in detector.reads]
    signature += [tf.TensorSpec([], tf.int32, name) for name in detector.options]
    apart = _kept_apart(detector)
    weights = [tf.TensorSpec(v.shape, v.dtype) for v in apart]

    @tf.function(input_signature=signature + weights, autograph=False)
    def run(*arguments):
        inputs, values = arguments[: len(signature)], arguments[len(signature) :]
        with keras.StatelessScope(list(zip(apart, values, strict=True))):
            return outputs_of(detector, *inputs)

    return FrozenNetwork(run.get_concrete_function(), [v.numpy() for v in apart])


def _kept_apart(detector):
    """The variables that do not become constants: the large ones of large networks."""
    every = [v for part in detector.parts.values() for v in part.variables]
    if sum(v.value.dtype.size * math.prod(v.shape) for v in every) < _LARGE_NETWORK:
        return []
    return [v for v in every if math.prod(v.shape) > _LARGE_KERNEL]


def _write_weights(found, directory):
    """Writes a checkpoint's model and averages as ckpt-0, the old exporter's name."""
    kept = {g: found.groups[g] for g in ("model", "ema") if g in found.groups}
    step = tf.constant(found.step, tf.int64)
    checkpoint_files.write_whole(kept, step, str(directory / "ckpt-0"))
    (directory / "checkpoint").write_text('model_checkpoint_path: "ckpt-0"\n')


@busy("exporting: tracing and writing the model")
def _write_model(module, root, name, version):
    """Writes the SavedModel, and where TensorFlow Serving finds it; returns it."""
    saved = root / "saved_model"
    signatures = module.signatures()
    tf.saved_model.save(module, str(saved), signatures=signatures)
    served = root / "serving" / name / str(version)
    shutil.copytree(saved, served)
    # Those of options take more than images, and are rarer.
    warm = [s for s in serving.WARM_SIGNATURES if s in signatures]
    serving.write_warmup(served, name, module.warmup_inputs(), warm)
    return tf.saved_model.load(str(saved))


def _write_report(differences, path, more):
    within = [
        f"{name} within {value:.2g}{' px' if name == 'boxes' else ''}"
        for name, value in differences.items()
    ]
    logging.info("parity with the checkpoint: %s", ", ".join(within))
    report = {_REPORTED[name]: value for name, value in differences.items()}
    path.write_text(json.dumps(report | more, indent=2) + "\n")
