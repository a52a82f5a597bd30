"""Accuracy against time: by each axis of the grid, the frontier, critical points."""

from od_api.study.analyses.analysis import (
    MAP,
    TIME,
    Analysis,
    Figure,
    Line,
    Table,
    grouped,
    median,
    number,
    point,
    present,
)
from od_api.study.analyses.frontier import (
    critical_points,
    frontier,
    height_above_chord,
    measured_both,
)
from od_api.study.grid.published_results import CRITICAL_POINTS

# What a figure may be coloured by.
AXES = {
    "meta-architecture": lambda m: m.meta_architecture,
    "extractor": lambda m: m.extractor,
    "resolution": lambda m: m.resolution,
    "proposals": lambda m: m.proposals,
}


def accuracy_time(study, published):
    """mAP against time, by each axis of the grid."""
    models = measured_both(study.models)
    return Analysis(
        "accuracy_time",
        "Accuracy against time",
        "Every model that has an mAP and a time. The line is the optimality frontier: "
        "no other model is at least as fast and more accurate. A number of proposals "
        "that a cell was measured with besides its own has a point, too.",
        [f"{len(models)} of {len(study.models)} models have both an mAP and a time."],
        [_axes_table(models)],
        [_time_figure(models, name) for name in AXES],
    )


def _axes_table(models):
    rows = []
    for name, axis in AXES.items():
        for value, members in grouped(models, axis):
            accuracies = [m.map for m in members]
            times = [m.time_ms for m in members]
            summary = (median(accuracies), max(accuracies), median(times), min(times))
            rows.append([name, str(value), len(members), *summary])
    columns = ["axis", "value", "models", "median mAP (%)", "best mAP (%)"]
    columns += ["median time (ms)", "shortest time (ms)"]
    return Table("accuracy_time_by_axis", "By each axis", columns, rows)


def _time_figure(models, axis):
    def hue(model):
        value = AXES[axis](model)
        return "none" if value is None else str(value)

    by = axis.replace("-", "_")
    key = f"accuracy_time_by_{by}"
    best = [(m.time_ms, m.map) for m in frontier(models)]
    line = Line("optimality frontier", best)
    return Figure(
        key,
        f"Accuracy against time, by {axis}",
        TIME,
        MAP,
        hue=axis,
        shape="meta-architecture",
        log_x=True,
        frontier=True,
        points=[point(m, m.time_ms, m.map, hue=hue(m)) for m in _by(models, axis)],
        lines=[line] if len(best) > 1 else [],
    )


def _by(models, axis):
    """In the order of the axis, so that the legend is."""
    return sorted(models, key=lambda m: (AXES[axis](m) is None, AXES[axis](m) or 0))


def critical(study, published):
    """The frontier as a table, and its critical points."""
    best, roles = frontier(study.models), critical_points(study.models)
    named = {
        role.replace("_", " "): model
        for role, model in roles._asdict().items()
        if model is not None
    }
    findings = [f"{role}: {_sentence(model)}" for role, model in named.items()]
    if best and roles.sweet_spot is None:
        findings.append(
            "There is no sweet spot: no model of the frontier is above the straight "
            "line from the fastest to the most accurate."
        )
    tables = [_frontier_table(best), _critical_table(named, study.models, published)]
    return Analysis(
        "critical_points",
        "The optimality frontier and its critical points",
        "Sorted by time, a model is on the frontier if its mAP exceeds every mAP so "
        "far. Fastest is the frontier's first model and most accurate its last. The "
        "sweet spot is its elbow: with time and mAP scaled to 0..1 between those two, "
        "the model furthest above the straight line between them (its height).",
        findings,
        tables,
        [],
    )


def _sentence(model):
    return f"{model.label}: {number(model.map)} % mAP in {number(model.time_ms)} ms."


def _frontier_table(best):
    columns = ["model", "time (ms)", "mAP (%)", "height above the chord"]
    rows = [
        [m.label, m.time_ms, m.map, round(height_above_chord(m, best), 4)] for m in best
    ]
    names = [m.name for m in best]
    return Table("frontier", "The frontier, fastest first", columns, rows, names)


def _critical_table(named, models, published):
    columns = ["source", "role", "model", "time (ms)", "mAP (%)"]
    rows = [["measured", role, m.label, m.time_ms, m.map] for role, m in named.items()]
    if published:
        columns += ["test-dev mAP (%)", "mAP of the same model measured here (%)"]
        rows = [[*row, None, None] for row in rows]
    names = [m.name for m in named.values()]
    for row in CRITICAL_POINTS if published else ():
        same = matching_model(row, models)
        label = published_label(row)
        values = (row.minival, row.test_dev, same and same.map)
        rows.append(["published", row.role, label, None, *values])
        names.append(None)
    return Table("critical_points", "Critical points", columns, rows, names)


def published_label(row):
    """A row of Table 3 in words."""
    parts = [row.meta_architecture, row.extractor]
    parts += [f"{row.resolution} resolution"] * bool(row.resolution)
    parts += [f"stride {row.stride}"] * bool(row.stride)
    parts += [f"{row.proposals} proposals"] * bool(row.proposals)
    return ", ".join(parts)


def matching_model(row, models):
    """The most accurate measured model that is what a row of Table 3 says, or None."""
    lowest = min(present(m.resolution for m in models), default=None)
    fits = [
        m
        for m in models
        if m.map is not None
        and (m.meta_architecture, m.extractor) == (row.meta_architecture, row.extractor)
        and (row.resolution is None or m.resolution == lowest)
        and (row.stride is None or m.stride == row.stride)
        and (row.proposals is None or m.proposals == row.proposals)
    ]
    return max(fits, key=lambda m: m.map, default=None)
