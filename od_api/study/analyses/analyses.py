"""All analyses of a study, in the order of the report."""

from od_api.study.analyses.accuracy_analyses import (
    imagenet,
    localisation,
    object_size,
)
from od_api.study.analyses.analysis import Analysis, Table
from od_api.study.analyses.cost_analyses import flops, latency, memory
from od_api.study.analyses.ensemble_analysis import ensemble_analysis
from od_api.study.analyses.frontier_analyses import accuracy_time, critical
from od_api.study.analyses.models import columns_of
from od_api.study.analyses.proposal_analyses import proposals
from od_api.study.analyses.setting_analyses import image_size, stride
from od_api.study.analyses.trends import trends

_ANALYSES = (
    accuracy_time,
    critical,
    imagenet,
    object_size,
    image_size,
    stride,
    proposals,
    flops,
    memory,
    latency,
    localisation,
)


def analyse(study, *, published=False, ensemble=None):
    """A list of Analysis; what nothing was measured for is left out.

    Args:
      study: Study.
      published: whether to lay the study's printed numbers beside the measured ones.
      ensemble: EnsembleOptions, or None for no ensembles.
    """
    found = [make(study, published) for make in _ANALYSES]
    if published:
        found.append(trends(study, published))
    if ensemble is not None:
        merged = ensemble_analysis(study, published, ensemble)
        found += [merged] * (merged is not None)
    found += [models_table(study), _classes(study), _provenance(study)]
    return [kept for kept in map(_without_empty_parts, found) if kept]


def models_table(study):
    """Everything about every model."""
    columns = columns_of(study.models)
    rows = [[getattr(m, field) for field in columns] for m in study.models]
    names = [m.name for m in study.models]
    table = Table("models", "Models", list(columns.values()), rows, names)
    failed = [[e["model"], e["stage"], e["message"]] for e in study.errors]
    columns = ["cell", "stage", "message"]
    return Analysis(
        "models",
        "All models",
        "Measured, one row a model. A name with @ is a cell that was measured with "
        "that number of proposals, too. Times are medians at batch 1.",
        [f"{e['model']} failed in stage {e['stage']}." for e in study.errors],
        [table, Table("failures", "Failed cells", columns, failed)],
        [],
    )


def _classes(study):
    """AP of each class of each model."""
    models = [m for m in study.models if m.per_class]
    classes = sorted({name for m in models for name in m.per_class})
    rows = [[m.label, *(m.per_class.get(name) for name in classes)] for m in models]
    names = [m.name for m in models]
    table = Table("classes", "AP by class (%)", ["model", *classes], rows, names)
    return Analysis(
        "classes", "Classes", "AP of each class, in percent.", [], [table], []
    )


def _provenance(study):
    """The machines, as they were recorded beside the measurements."""
    keys = list(dict.fromkeys(key for m in study.machines for key in m))
    rows = [
        [i, *(_text(machine.get(key)) for key in keys)]
        for i, machine in enumerate(study.machines, start=1)
    ]
    warning = (
        "Times of different machines, threads or versions are not comparable: filter "
        "by machine."
    )
    return Analysis(
        "machines",
        "Machines",
        "What the measurements ran on. The load at the time of each is in its "
        "result.json.",
        [warning] * (len(study.machines) > 1),
        [Table("machines", "Machines", ["machine", *keys], rows)],
        [],
    )


def _text(value):
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _without_empty_parts(analysis):
    tables = [table for table in analysis.tables if table.rows]
    figures = [figure for figure in analysis.figures if not figure.is_empty]
    if not tables and not figures:
        return None
    return analysis._replace(tables=tables, figures=figures)
