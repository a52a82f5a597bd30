"""What one setting changes: the size of the image, the output stride."""

from od_api.study.analyses.analysis import (
    MAP,
    TIME,
    Analysis,
    Figure,
    Line,
    Table,
    change,
    grouped,
    mean,
    number,
    point,
    present,
)
from od_api.study.analyses.models import full_models


def pairs_along(models, axis):
    """[(model of the lower value, of the higher)] of models alike but for one field.

    Args:
      models: list of Model; of each trained model the one of the most proposals counts.
      axis: "resolution" or "stride".
    """

    def others(model):
        same = model._replace(**{axis: None})
        return (*map(str, same.trained), str(model.proposals))

    pairs = []
    for _, alike in grouped(full_models(models), others):
        alike = [m for m in alike if getattr(m, axis) is not None]
        ends = sorted(alike, key=lambda m: getattr(m, axis))
        if len(ends) > 1:
            pairs.append((ends[0], ends[-1]))
    return pairs


def changes(pairs, field):
    """Percent from the first of each pair to the second, None where it is not known."""
    return [change(getattr(a, field), getattr(b, field)) for a, b in pairs]


def image_size(study, published):
    """The lowest resolution against the highest."""
    pairs = [(b, a) for a, b in pairs_along(study.models, "resolution")]
    columns = ["model", "from (px)", "to (px)", "mAP before (%)", "mAP after (%)"]
    columns += ["mAP (relative, %)", "AP small (relative, %)", "AP large (relative, %)"]
    columns += ["time (%)"]
    fields = ("map", "map_small", "map_large", "time_ms")
    by_field = [changes(pairs, field) for field in fields]
    rows = [
        [b._replace(resolution=None).label, a.resolution, b.resolution, a.map, b.map]
        + [of_field[i] for of_field in by_field]
        for i, (a, b) in enumerate(pairs)
    ]
    text = (
        "Models that differ in nothing but their resolution, from the highest to the "
        "lowest, each with its most proposals. Changes are relative, in percent."
    )
    findings = _mean_changes("The lower resolution", by_field[0], by_field[-1])
    names = [b.name for _, b in pairs]
    return Analysis(
        "image_size",
        "The size of the image",
        text,
        findings,
        [Table("image_size", "From high to low resolution", columns, rows, names)],
        [
            _pairs_figure("image_size", "Two resolutions of each model", pairs),
            _small_against_large(study.models),
        ],
    )


def _small_against_large(models):
    models = full_models(models)
    models = sorted(models, key=lambda m: m.resolution or 0)
    return Figure(
        "image_size_objects",
        "AP of small against large objects, by resolution",
        "AP of large objects (%)",
        "AP of small objects (%)",
        hue="resolution",
        shape="meta-architecture",
        points=present(
            point(m, m.map_large, m.map_small, hue=str(m.resolution)) for m in models
        ),
    )


def stride(study, published):
    """The larger output stride against the smaller."""
    pairs = [(b, a) for a, b in pairs_along(study.models, "stride")]
    accuracy, time = changes(pairs, "map"), changes(pairs, "time_ms")
    columns = ["model", "from stride", "to stride", "mAP before (%)", "mAP after (%)"]
    columns += ["mAP (relative, %)", "time (%)"]
    rows = [
        [b._replace(stride=None).label, a.stride, b.stride, a.map, b.map, *changed]
        for (a, b), *changed in zip(pairs, accuracy, time, strict=True)
    ]
    return Analysis(
        "stride",
        "The stride of the feature map",
        "Models that differ in nothing but the stride of the map that proposals are "
        "made from, from the largest stride to the smallest.",
        _mean_changes("The smaller stride", accuracy, time),
        [Table("stride", "By stride", columns, rows, [b.name for _, b in pairs])],
        [_pairs_figure("stride", "Two strides of each model", pairs)],
    )


def _mean_changes(what, accuracy, time):
    findings = []
    for name, values in (("mAP", accuracy), ("time", time)):
        if present(values):
            changed, pairs = number(mean(values)), len(present(values))
            of = f"(mean of {pairs} pair{'s' * (pairs > 1)})"
            findings.append(f"{what} changes {name} by {changed} % {of}.")
    return findings


def _pairs_figure(key, title, pairs):
    points, lines = [], []
    for pair in pairs:
        ends = present(point(m, m.time_ms, m.map) for m in pair)
        points += ends
        if len(ends) == 2:
            ends_of_line = [(p.x, p.y) for p in ends]
            names = [m.name for m in pair]
            lines.append(Line(pair[1].label, ends_of_line, names, ends[0].hue))
    return Figure(
        key,
        title,
        TIME,
        MAP,
        hue="extractor",
        shape="meta-architecture",
        log_x=True,
        points=points,
        lines=lines,
    )
