"""The rows of a study: one a model, of one form whatever was measured."""

import pathlib
from typing import NamedTuple

from od_api.engines.artefacts import SAVED_MODEL


class Model(NamedTuple):
    """One detector as it was measured. What was not measured is None.

    Attributes:
      name: of its cell; with `@N` where a cell was measured with N proposals, too.
      meta_architecture, extractor: as people write them, e.g. "Faster R-CNN".
      resolution: pixels.
      stride: of the map that proposals are made from.
      batch_size: of training, where the grid says it.
      precision: e.g. "FLOAT32".
      proposals: at inference.
      map, map_50, map_75, map_small, map_medium, map_large, ar_100: percent.
      time_ms: median time of one image, postprocessing included; the next four are
        the mean, two percentiles, and the median of postprocessing alone.
      multiply_adds: of one image.
      memory_bytes: at the peak; memory_kind says of what.
      saved_model_bytes: size of the model's folder, or file.
      per_class: {class name: AP in percent or None}.
      throughput: {batch size: images/s}.
      machine: number of its machine in `Study.machines`, from 1.
      engine: the format of the exported model, e.g. "onnx".
      inference_precision: of the exported model; None as it comes.
    """

    name: str
    meta_architecture: str
    extractor: str
    resolution: int | None = None
    stride: int | None = None
    batch_size: int | None = None
    precision: str | None = None
    proposals: int | None = None
    map: float | None = None
    map_50: float | None = None
    map_75: float | None = None
    map_small: float | None = None
    map_medium: float | None = None
    map_large: float | None = None
    ar_100: float | None = None
    time_ms: float | None = None
    mean_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    postprocessing_ms: float | None = None
    parameters: int | None = None
    multiply_adds: float | None = None
    memory_bytes: float | None = None
    memory_kind: str | None = None
    saved_model_bytes: int | None = None
    per_class: dict = {}  # noqa: RUF012 (never written to)
    throughput: dict = {}  # noqa: RUF012
    machine: int | None = None
    engine: str = SAVED_MODEL
    inference_precision: str | None = None

    @property
    def trained(self):
        """What was trained: models that differ in proposals alone have it in common."""
        return (
            self.meta_architecture,
            self.extractor,
            self.resolution,
            self.stride,
            self.batch_size,
            self.precision,
            self.machine,
            self.engine,
            self.inference_precision,
        )

    @property
    def label(self):
        """Short and readable, e.g. "Faster R-CNN, ResNet-101, 600, stride 16"."""
        parts = [self.meta_architecture, self.extractor]
        parts += [str(self.resolution)] * bool(self.resolution)
        parts += [f"stride {self.stride}"] * bool(self.stride)
        parts += [f"batch {self.batch_size}"] * bool(self.batch_size)
        parts += [f"{self.proposals} proposals"] * bool(self.proposals)
        if self.precision not in (None, "FLOAT32"):
            parts.append(self.precision)
        parts += [self.engine] * (self.engine != SAVED_MODEL)
        parts += [f"as {self.inference_precision}"] * bool(self.inference_precision)
        return ", ".join(parts)


# Fields of Model in the table of all models, and their columns.
COLUMNS = {
    "name": "cell",
    "meta_architecture": "meta-architecture",
    "extractor": "extractor",
    "resolution": "resolution",
    "stride": "stride",
    "batch_size": "training batch",
    "precision": "precision",
    "proposals": "proposals",
    "engine": "engine",
    "inference_precision": "inference precision",
    "map": "mAP (%)",
    "map_50": "AP@.50 (%)",
    "map_75": "AP@.75 (%)",
    "map_small": "AP small (%)",
    "map_medium": "AP medium (%)",
    "map_large": "AP large (%)",
    "ar_100": "AR@100 (%)",
    "time_ms": "time (ms)",
    "postprocessing_ms": "postprocessing (ms)",
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "memory_bytes": "peak memory (bytes)",
    "saved_model_bytes": "SavedModel (bytes)",
    "machine": "machine",
}
assert set(COLUMNS) <= set(Model._fields)
# Those that are left out where all models have the same.
_OF_ENGINES = ("engine", "inference_precision")


def columns_of(models):
    """The COLUMNS of a table of these models."""
    usual = Model(None, None, None)
    unused = {
        name
        for name in _OF_ENGINES
        if all(getattr(m, name) == getattr(usual, name) for m in models)
    }
    return {name: title for name, title in COLUMNS.items() if name not in unused}


class Study(NamedTuple):
    """All that a results folder holds.

    Attributes:
      models: list of Model, by name.
      errors: list of {"model", "stage", "message"}.
      machines: list of dicts: what the measurements ran on, without what changes from
        one run to the next.
      folder: where the results are; None for those that come from no folder.
      merged: a Merged of the ensemble_analysis, where the results are those of a
        report, which has no detections to merge.
    """

    models: list
    errors: list
    machines: list
    folder: pathlib.Path | None = None
    merged: tuple | None = None


def full_models(models):
    """Of each trained model the row with the most proposals."""
    best = {}
    for model in models:
        other = best.get(model.trained)
        if other is None or (model.proposals or 0) > (other.proposals or 0):
            best[model.trained] = model
    return list(best.values())


def common_resolution(models):
    """The resolution that most extractors were measured at; of several, the lowest.

    Where an analysis is about one resolution, it is this. None if no model has one.
    """
    extractors = {}
    for model in models:
        if model.resolution is not None:
            extractors.setdefault(model.resolution, set()).add(model.extractor)
    return min(extractors, key=lambda r: (-len(extractors[r]), r), default=None)
