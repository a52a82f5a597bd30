"""What a study measured: RESULTS/*/result.json as rows of one form."""

import pathlib

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import SAVED_MODEL
from od_api.study.analyses.models import Model, Study
from od_api.study.report.safe_text import made_printable
from od_api.system.json_files import read_json
from od_api.system.path_names import one_name

_LARGEST = 2**63
# The names that the metrics of COCO have in a result, and those of a row.
_ACCURACY = {
    "Precision/mAP": "map",
    "Precision/mAP@.50IOU": "map_50",
    "Precision/mAP@.75IOU": "map_75",
    "Precision/mAP (small)": "map_small",
    "Precision/mAP (medium)": "map_medium",
    "Precision/mAP (large)": "map_large",
    "Recall/AR@100": "ar_100",
}
META_ARCHITECTURES = {
    "ssd": "SSD",
    "faster_rcnn": "Faster R-CNN",
    "rfcn": "R-FCN",
}
# As Table 2 spells the extractors that it lists.
EXTRACTORS = {
    "vgg16": "VGG-16",
    "mobilenet_v1": "MobileNet",
    "inception_v2": "Inception V2",
    "inception_v3": "Inception V3",
    "resnet101": "ResNet-101",
    "inception_resnet_v2": "Inception-ResNet-v2",
    "resnet50": "ResNet-50",
    "resnet152": "ResNet-152",
    "mobilenet_v2": "MobileNet V2",
}


def load_study(folder):
    """Reads every result of a folder.

    Raises:
      UserError: there is no result, or a file that is none.
    """
    folder = pathlib.Path(folder)
    files = sorted(folder.glob("*/result.json"))
    if not files:
        raise UserError(
            f"{folder} has no */result.json: `od-api study run` writes them"
        )
    return study_of([_read(file) for file in files], folder)


def study_of(results, folder=None):
    """The Study of results that were read before."""
    models, errors, machines = [], [], []
    for result in results:
        model = _model(result)._replace(machine=_machine_number(result, machines))
        models.append(model)
        if error := result.get("error"):
            errors.append({"model": model.name, "stage": "?", "message": "?", **error})
    models += _other_proposals(results, models)
    return Study(sorted(models, key=lambda m: m.name), errors, machines, folder)


def _read(file):
    result = read_json(file, "result of a cell (delete it and run the cell again)")
    shown = printable(file)
    if not isinstance(result, dict) or not isinstance(result.get("cell"), dict):
        raise UserError(f"{shown} is not the result of a cell: it has no `cell`")
    result = made_printable(result)
    name = result["cell"].setdefault("name", printable(file.parent.name))
    # It is the name of a folder, too, from which detections are read.
    one_name(name, f"name of the cell in {shown}")
    try:
        study_of([result])
    except (
        AttributeError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise UserError(
            f"{shown} is not the result of a cell: it has values of another kind "
            f"({error})"
        ) from error
    return result


def _model(result):
    cell, latency = result["cell"], result.get("latency") or {}
    meta, extractor = (
        _text(cell.get(key)) for key in ("meta_architecture", "feature_extractor")
    )
    return Model(
        name=cell["name"],
        meta_architecture=META_ARCHITECTURES.get(meta, meta or "?"),
        extractor=EXTRACTORS.get(extractor, extractor or "?"),
        resolution=_number(cell.get("resolution")) or None,
        stride=_number(cell.get("output_stride")) or None,
        proposals=_number(cell.get("num_proposals")) or None,
        batch_size=_number(cell.get("batch_size")) or None,
        precision=_text(cell.get("precision")),
        **_accuracy(result.get("accuracy") or {}),
        time_ms=_number(latency.get("median_ms")),
        mean_ms=_number(latency.get("mean_ms")),
        p90_ms=_number(latency.get("p90_ms")),
        p99_ms=_number(latency.get("p99_ms")),
        postprocessing_ms=_number(latency.get("postprocessing_median_ms")),
        parameters=_number(result.get("parameters")),
        multiply_adds=_number(result.get("multiply_adds")),
        memory_bytes=_number(result.get("peak_memory_bytes")),
        memory_kind=_text(result.get("peak_memory_kind")),
        saved_model_bytes=_number(
            result.get("saved_model_bytes", result.get("model_bytes"))
        ),
        engine=_text(cell.get("engine")) or SAVED_MODEL,
        inference_precision=_text(cell.get("inference_precision")),
        per_class={k: _percent(v) for k, v in (result.get("per_class") or {}).items()},
        throughput={
            int(row["batch_size"]): _number(row.get("images_per_second"))
            for row in result.get("throughput") or ()
        },
    )


def _accuracy(metrics):
    return {
        field: _percent(metrics.get(f"DetectionBoxes_{name}"))
        for name, field in _ACCURACY.items()
    }


def _text(value):
    """The text, or None where there is none.

    Raises:
      TypeError: it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r:.60} is no text")
    return value


def _number(value):
    """The number, or None for what is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Beyond, floats are no longer exact, and an int may be too large for one.
    return value if abs(value) < _LARGEST else None


def _percent(value):
    """0..1 to percent; -1 is how the COCO tools say that nothing could be measured."""
    value = _number(value)
    return None if value is None or value < 0 else round(100.0 * value, 6)


def _other_proposals(results, models):
    """Rows of a cell's other numbers of proposals, where they are no cells themselves.

    They have an accuracy and a time; what depends on the number of proposals and was
    not measured for them is None.
    """
    known = {(*m.trained, m.proposals) for m in models}
    rows = []
    for model, result in zip(models, results, strict=True):
        for row in result.get("by_num_proposals") or ():
            proposals = int(row["num_proposals"])
            if (*model.trained, proposals) in known:
                continue
            known.add((*model.trained, proposals))
            rows.append(
                Model(
                    name=f"{model.name}@{proposals}",
                    **{f: getattr(model, f) for f in _SHARED},
                    proposals=proposals,
                    map=_percent(row.get("mAP")),
                    time_ms=_number(row.get("median_ms")),
                )
            )
    return rows


# What does not depend on the number of proposals.
_SHARED = (
    *("meta_architecture", "extractor", "resolution", "stride", "batch_size"),
    *("precision", "parameters", "machine", "engine", "inference_precision"),
)


def _machine_number(result, machines):
    """Position, from 1, of the result's machine in `machines`; adds it if it is new."""
    machine = dict(result.get("machine") or {})
    if not machine:
        return None
    machine.pop("load_average", None)
    if machine not in machines:
        machines.append(machine)
    return machines.index(machine) + 1
