"""Comparison of two runs, or sets of detections, on the same images."""

import json
import os
import pathlib

from absl import logging

from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.config.loading import load_config, own_config, placed
from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.inputs import num_classes_of
from od_api.evaluate import detections_of_export
from od_api.evaluation.bare_files import diagnose_files
from od_api.evaluation.comparison import as_text, compared
from od_api.evaluation.diagnosed_images import DiagnosisOptions
from od_api.evaluation.evaluation import Evaluation
from od_api.evaluation.given_detections import GivenDetections
from od_api.inference.finders import is_export
from od_api.metrics.diagnosis.bootstrap import SAMPLES
from od_api.system.leftovers import workspace

_CHECKPOINT = (".index", ".data-00000-of-00001")
NAME = "comparison.json"


def compare(first, second, config=None, *, overrides=(), output=None, samples=SAMPLES):
    """Says how much better the second is than the first, and how surely.

    Args:
      first, second: each a checkpoint, the directory of a run, an export, or a file of
        detections as `evaluate_detections` takes it. A run, or an export, is evaluated
        by the config in it.
      config: path of one whose eval_input_reader both are evaluated on, and whose
        model runs without a config have; None: each run's own.
      overrides: of whatever config is read, as of `load_config`.
      output: where comparison.json goes; None: nowhere.
      samples: of the images, for intervals.

    Returns:
      {reader name: what `comparison.compared` says}.

    Raises:
      UserError: bad configs, data, checkpoints or detections; or the two are not of
        the same images, objects and classes.
    """
    diagnoses = [_diagnosed(path, config, overrides) for path in (first, second)]
    names = [set(found) for found in diagnoses]
    if names[0] != names[1]:
        shown = (", ".join(sorted(n)) or "none" for n in names)
        raise UserError(
            "the two have different eval_input_readers ({}; {}): name a config before "
            "them, whose eval_input_reader both are evaluated on".format(*shown)
        )
    return _compared((first, second), diagnoses, output, samples)


def compare_files(first, second, ground_truth, *, output=None, samples=SAMPLES):
    """As `compare`, of two files of detections, without a config.

    Args:
      first, second: paths, as of `measure_files`.
      ground_truth: as of `measure_files`.
      output, samples, Returns, Raises: as of `compare`.
    """
    diagnoses = [{"": diagnose_files(p, ground_truth)} for p in (first, second)]
    return _compared((first, second), diagnoses, output, samples)


def _compared(paths, diagnoses, output, samples):
    one, other = diagnoses
    reports = {n: compared(found, other[n], samples) for n, found in one.items()}
    names = [printable(path) for path in paths]
    for name, report in reports.items():
        logging.info("%s\n%s", name, as_text(report, names))
    if output:
        _write(pathlib.Path(output) / NAME, reports)
    return reports


def _diagnosed(path, config_path, overrides):
    """{reader name: Diagnosis} of one of the two."""
    is_file = not is_export(path) and _is_file_of_detections(path)
    if is_file and config_path is None:
        raise UserError(
            f"{printable(path)} is a file of detections: name the config before it "
            "that says which images they are of"
        )
    own = config_path if is_file else _config_of(path, config_path)
    with placed(own, overrides) as config:
        if config_path not in (None, own):
            _take_images(config, load_config(config_path, overrides))
        check_compatibility(config)
        return _evaluated(path, config, is_file)


def _evaluated(path, config, is_file):
    options = {"diagnosis": DiagnosisOptions(samples=0)}
    step = given = None
    if is_file:
        given = GivenDetections(path, num_classes_of(config))
    elif is_export(path):
        given = detections_of_export(path, config)
    if given:
        evaluation = Evaluation(config, None, None, given=given, **options)
    else:
        found = load(path)
        detector, restore = detector_for_inference(config)
        step = restore(found)
        evaluation = Evaluation(config, detector, None, **options)
    evaluation.run(step)
    if not evaluation.diagnoses:
        raise UserError(f"{printable(path)}: its model finds no boxes to compare")
    return evaluation.diagnoses


def _is_file_of_detections(path):
    path = pathlib.Path(path)
    return not path.is_dir() and (
        path.suffix == ".json" or (path.is_file() and path.suffix not in _CHECKPOINT)
    )


def _config_of(path, config_path):
    """The path of the config that a checkpoint was trained with, else the given one."""
    folder = pathlib.Path(path)
    folders = (folder, folder.parent, folder.parent.parent)
    # `run`, `run/ckpt-5` or `run/best`, `run/best/ckpt-5`.
    for run in folders[: 1 + (not folder.is_dir() or folder.name == "best") * 2]:
        if (run / "pipeline.config").is_file():
            return str(run / "pipeline.config")
    return config_path or own_config(path)


def _take_images(config, other):
    """Gives a config the images of another one, and how they are evaluated."""
    del config.eval_input_reader[:]
    config.eval_input_reader.extend(other.eval_input_reader)
    config.eval_config.CopyFrom(other.eval_config)


def _write(path, reports):
    with workspace(path) as folder:
        temporary = folder / path.name
        temporary.write_text(json.dumps(reports, indent=1, allow_nan=False) + "\n")
        os.replace(temporary, path)
