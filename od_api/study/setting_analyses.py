"""What one setting changes: image size, output stride, number of proposals."""

from od_api.study.analysis import (
    MAP,
    PUBLISHED,
    TIME,
    Analysis,
    Figure,
    Line,
    Point,
    Table,
    change,
    grouped,
    mean,
    number,
    point,
    present,
)
from od_api.study.published_results import PROPOSALS
from od_api.study.results import full_models


def pairs_along(models, axis):
    """[(model of the lower value, of the higher)] of models alike but for one field.

    Args:
      models: list of Model; of each trained model the one of the most proposals counts.
      axis: "resolution" or "stride".
    """

    def others(model):
        fields = ("meta_architecture", "extractor", "resolution", "stride", "precision")
        kept = [str(getattr(model, f)) for f in fields if f != axis]
        return (*kept, str(model.proposals), model.machine or 0)

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
            changed, n = number(mean(values)), len(present(values))
            findings.append(f"{what} changes {name} by {changed} % (mean of {n} pairs).")
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


def proposal_series(models):
    """[(the model with the most proposals, [all of them, fewest first])].

    Of trained models that were measured with two numbers of proposals or more.
    """
    series = []
    with_proposals = [m for m in models if m.proposals]
    for full in full_models(with_proposals):
        members = [m for m in with_proposals if m.trained == full.trained]
        members.sort(key=lambda m: m.proposals)
        if len(members) > 1:
            series.append((full, members))
    return series


def kept(full, model, field):
    """Percent of the full model's number that one with fewer proposals has."""
    changed = change(getattr(full, field), getattr(model, field))
    return None if changed is None else 100.0 + changed


def proposals(study, published):
    """mAP and time against the number of proposals."""
    rows, names = [], []
    series = proposal_series(study.models)
    for full, members in series:
        for m in members:
            shares = (kept(full, m, "map"), kept(full, m, "time_ms"))
            rows.append(
                ["measured", _without(m), m.proposals, m.map, m.time_ms, *shares]
            )
            names.append(m.name)
    published_points = []
    if published:
        label = "Faster R-CNN, Inception-ResNet-v2"
        for n, accuracy in PROPOSALS.items():
            share = 100.0 * accuracy / PROPOSALS[300]
            rows.append(["published", label, n, accuracy, None, share, None])
            names.append(None)
            published_points.append(
                Point(
                    n,
                    accuracy,
                    f"published: {label}, {n} proposals",
                    "Inception-ResNet-v2",
                    "Faster R-CNN",
                    source=PUBLISHED,
                )
            )
    columns = ["source", "model", "proposals", "mAP (%)", "time (ms)"]
    columns += ["mAP kept (%)", "time kept (%)"]
    return Analysis(
        "proposals",
        "The number of proposals",
        "mAP and time of two-stage models as fewer proposals go on to the second "
        "stage. Kept is the share of what the model has with the most proposals.",
        _proposal_findings(series),
        [Table("proposals", "By the number of proposals", columns, rows, names)],
        [
            _proposal_figure("accuracy", MAP, series, "map", published_points),
            _proposal_figure("time", TIME, series, "time_ms", []),
        ],
    )


def _without(model):
    return model._replace(proposals=None).label


def _proposal_findings(series):
    findings = []
    for full, members in series:
        fewest = members[0]
        accuracy, time = (kept(full, fewest, f) for f in ("map", "time_ms"))
        if accuracy is not None and time is not None:
            findings.append(
                f"{_without(full)}: {fewest.proposals} instead of {full.proposals} "
                f"proposals keep {number(accuracy)} % of the mAP and {number(time)} % "
                "of the time."
            )
    return findings


def _proposal_figure(name, y, series, field, published_points):
    points, lines = [], []
    for full, members in series:
        own = present(point(m, m.proposals, getattr(m, field)) for m in members)
        points += own
        if len(own) > 1:
            names = [p.model for p in own]
            joined = [(p.x, p.y) for p in own]
            lines.append(Line(_without(full), joined, names, full.extractor))
    return Figure(
        f"proposals_{name}",
        f"{'mAP' if field == 'map' else 'Time'} against the number of proposals",
        "proposals of the second stage",
        y,
        hue="extractor",
        shape="meta-architecture",
        log_x=True,
        points=points + published_points,
        lines=lines,
    )
