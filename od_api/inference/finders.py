"""What finds objects in images: a model that was exported, or a run's checkpoint."""

import functools
import pathlib
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.config.loading import load_config, locate
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data.inputs import label_map_path
from od_api.data.label_map import LabelMap
from od_api.engines.artefacts import LABEL_MAP, SAVED_MODEL, artefact_at
from od_api.exporting import saved_models
from od_api.exporting.fitted_images import fitting
from od_api.exporting.serving import ServingModule, outputs_of
from od_api.system.threads import check_threads, limit_threads

_CONFIG = "pipeline.config"
_NEWEST, _BEST = "newest", "best"


class Finder(NamedTuple):
    """A model, ready.

    Attributes:
      find: uint8 [B, h, w, 3] -> B dicts as `saved_models.run_batch` gives them.
      config_path: of its pipeline.config; None where none is beside it.
      label_map: LabelMap, or None.
      path: of the model or of the run, for messages; of a server its address.
      engine: the format of a model; None of a run or a server.
    """

    find: Any
    config_path: Any
    label_map: Any
    path: pathlib.Path | str
    engine: Any = None


def is_export(path):
    """Whether a user's path means a model that was exported, and no checkpoint."""
    if artefact_at(path):
        return True
    try:
        saved_models.saved_model_dir(path)
    except UserError:
        return False
    return not checkpoint_files.numbered(str(path))


def finder(path, checkpoint=None, threads=None):
    """The Finder of what a user's path means.

    Args:
      path: a SavedModel, the directory of an export or a folder of numbered versions;
        or the directory of a training run, or a checkpoint in it.
      checkpoint: which one of a run: "newest" (None is the same), "best" or a path.
      threads: of one call; None: as many as there are cores.

    Raises:
      UserError: it is none of these, or does not fit.
    """
    path = pathlib.Path(path)
    check_threads(threads)
    if artefact := artefact_at(path):
        _refuse_checkpoint(artefact.file, checkpoint)
        return _of_artefact(artefact, threads)
    limit_threads(threads)
    try:
        directory = saved_models.saved_model_dir(path)
    except UserError as error:
        run = _run_of(path)
        if run is None:
            raise UserError(
                f"{printable(path)} holds no SavedModel (saved_model.pb), nor a run "
                "with its pipeline.config: name the directory that od-api export made, "
                "or that of a training"
            ) from error
        return _of_run(run, _chosen(path, run, checkpoint))
    _refuse_checkpoint(path, checkpoint)
    return _of_export(directory)


def _refuse_checkpoint(path, checkpoint):
    if checkpoint is not None:
        raise UserError(
            f"{printable(path)} is an export, which has one set of weights: leave out "
            "checkpoint, or name the directory of the run"
        )


def _of_artefact(artefact, threads):
    model, file = artefact.load(threads), artefact.file
    fit = fitting(model)

    def find(images):
        return saved_models.image_by_image(model(fit(images)), len(images))

    label_map = None
    if text := model.metadata.get(LABEL_MAP):
        label_map = LabelMap.of_text(text, file)
    config_path = file.parent / _CONFIG
    config_path = config_path if config_path.is_file() else None
    return Finder(find, config_path, label_map, file, artefact.engine)


def _of_export(directory):
    model = saved_models.load(directory)
    signature = saved_models.signature_of(model, directory)

    # A signature alone would not keep its model alive.
    def find(images, _keeps_alive=model):
        return saved_models.run_batch(signature, images)

    assets = sorted((directory / "assets").glob("*"))
    config_path = _config_beside(directory)
    label_map = LabelMap.load(assets[0]) if assets else None
    return Finder(find, config_path, label_map, directory, SAVED_MODEL)


def _config_beside(directory):
    """Of an export: beside saved_model/, and above serving/<name>/<version>/."""
    for path in (directory, directory.parent, *directory.parents[2:3]):
        if (path / _CONFIG).is_file():
            return path / _CONFIG
    return None


def _run_of(path):
    """The directory of the run that a path is, or is in; None without one."""
    try:
        folders = (path, *path.absolute().parents[:2])
        return next((f for f in folders if (f / _CONFIG).is_file()), None)
    except ValueError:  # no path has such a character
        return None


def _chosen(path, run, checkpoint):
    """What to restore."""
    if path != run:
        if checkpoint is not None:
            raise UserError(
                f"{printable(path)} is a checkpoint of the run {printable(run)}: leave "
                "out checkpoint, or name the run"
            )
        return path
    if checkpoint in (None, _NEWEST):
        return run
    if checkpoint == _BEST and not (run / _BEST).is_dir():
        raise UserError(
            f"{printable(run)} keeps no best checkpoint, since it was not evaluated: "
            'take checkpoint="newest"'
        )
    return run / _BEST if checkpoint == _BEST else checkpoint


def _of_run(run, checkpoint):
    try:
        config = load_config(run / _CONFIG)
        check_compatibility(config)
        detector, restore = detector_for_inference(config)
    except ConfigError as error:
        raise locate(error, run / _CONFIG) from error
    if not detector.finds_boxes:
        raise UserError(f"the model of {printable(run)} finds no boxes")
    restore(str(checkpoint))
    network = functools.partial(outputs_of, detector)
    settings = ("image_tensor", None)
    module = ServingModule(network, detector.resizer, *settings, reads=detector.reads)

    def find(images):
        outputs = module.__call__(tf.constant(images))
        outputs = {name: np.asarray(value) for name, value in outputs.items()}
        return saved_models.image_by_image(outputs, len(images))

    return Finder(find, run / _CONFIG, _label_map_of(config), run)


def _label_map_of(config):
    """The one that its readers name, or None where there is no such file."""
    try:
        path = label_map_path(config)
    except UserError:
        return None
    return LabelMap.load(path) if tf.io.gfile.exists(path) else None
