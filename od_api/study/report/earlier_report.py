"""The study of an earlier report, read from its tables.

What `od-api study report` wrote is enough to write it again, say with a newer page: the
tables have all numbers in full. Detections they have not; what the report says of
ensembles is taken as it is.
"""

import csv
import io
import math
import pathlib

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import SAVED_MODEL
from od_api.study.analyses.ensemble_analysis import Merged, measured_scores
from od_api.study.analyses.models import COLUMNS, Model, Study
from od_api.study.report.safe_text import csv_text
from od_api.system.files import read_text

_TEXTS = (
    *("name", "meta_architecture", "extractor", "precision"),
    *("engine", "inference_precision"),
)
# Not in reports of SavedModels alone.
_LATER = {"engine": SAVED_MODEL, "inference_precision": None}
_TIMES = {"mean_ms": "mean (ms)", "p90_ms": "90 % (ms)", "p99_ms": "99 % (ms)"}
_BATCH = "batch "


def is_report(folder):
    """Whether a folder has the tables of a report, and no results."""
    folder = pathlib.Path(folder)
    has_table = _file(folder, "models").is_file()
    return has_table and not any(folder.glob("*/result.json"))


def load_report(folder):
    """The Study that a report was written of.

    Raises:
      UserError: a table that cannot be read or is none of a report's, with the line.
    """
    folder = pathlib.Path(folder)
    models = {}

    def add(row):
        model = _model(row)
        if model.label in models:
            raise ValueError("two models of one label, which tables do not tell apart")
        models[model.label] = model

    def detail(read):
        def into_model(row):
            label = row.pop("model")
            models[label] = models[label]._replace(**read(row))

        return into_model

    _each(folder, "models", add)
    _each(folder, "latency", detail(_times))
    _each(folder, "memory", detail(lambda row: {"memory_kind": row["of"]}))
    _each(folder, "throughput", detail(_throughput))
    _each(folder, "classes", detail(_per_class))
    return Study(
        sorted(models.values(), key=lambda m: m.name),
        _each(folder, "failures", _failure),
        _each(folder, "machines", _machine),
        merged=_merged(folder, models),
    )


def _model(row):
    row = {COLUMNS[name]: value for name, value in _LATER.items()} | row
    return Model(
        **{
            field: row[column] if field in _TEXTS else _number(row[column])
            for field, column in COLUMNS.items()
        }
    )


def _times(row):
    return {field: _number(row[column]) for field, column in _TIMES.items()}


def _throughput(row):
    speeds = {int(c.removeprefix(_BATCH)): _number(row[c]) for c in row}
    return {"throughput": {k: v for k, v in speeds.items() if v is not None}}


def _per_class(row):
    return {"per_class": {name: _number(row[name]) for name in row}}


def _failure(row):
    return {"model": row["cell"], "stage": row["stage"], "message": row["message"]}


def _machine(row):
    return {key: _number_or_text(row[key]) for key in row if key != "machine"}


def _merged(folder, models):
    """What the ensemble's tables say, or None where the report has none."""
    systems = _each(folder, "ensemble", _numbers_of)
    members = _each(folder, "ensemble_members", _numbers_of)
    if not systems:
        return None
    return Merged(
        "An earlier report of this study measured these ensembles; its text says how "
        "members were chosen, and on which images.",
        measured_scores(systems),
        members,
        [models[row[0]].name for row in members],
    )


def _numbers_of(row):
    return [_number_or_text(text) for text in row.values()]


def _each(folder, table, read):
    """`read(row)` of each row of a table, {column: text, None where it is empty}.

    A table that is not there has no rows: a report leaves out those that are empty.

    Raises:
      UserError: where `read` raises a KeyError, a TypeError or a ValueError.
    """
    file = _file(folder, table)
    if not file.exists():
        return []
    lines = csv.reader(io.StringIO(read_text(file, "table of a report")))
    found = []
    try:
        columns = [csv_text(cell) for cell in next(lines, [])]
        for line in lines:
            texts = [csv_text(cell) or None for cell in line]
            found.append(read(dict(zip(columns, texts, strict=True))))
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(
            f"{printable(file)}:{lines.line_num}: is no row of a report's table "
            f"({printable(error)}); make the report from its results"
        ) from error
    return found


def _file(folder, table):
    return folder / "tables" / f"{table}.csv"


def _number(text):
    """The number in a cell, None of an empty one.

    Raises:
      ValueError: it is something else.
    """
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value


def _number_or_text(text):
    try:
        return _number(text)
    except ValueError:
        return text
