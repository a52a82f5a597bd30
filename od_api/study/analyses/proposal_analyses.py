"""What the number of proposals changes in two-stage models."""

from od_api.study.analyses.analysis import (
    MAP,
    PUBLISHED,
    TIME,
    Analysis,
    Figure,
    Line,
    Point,
    Table,
    change,
    mean,
    number,
    point,
    present,
)
from od_api.study.analyses.models import full_models
from od_api.study.grid.published_results import PROPOSALS


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
    """Mean shares of each meta-architecture, for each number below the most."""
    shares = {}
    for full, members in series:
        for m in members[:-1]:
            key = (full.meta_architecture, m.proposals, full.proposals)
            pair = kept(full, m, "map"), kept(full, m, "time_ms")
            shares.setdefault(key, []).append(pair)
    findings = []
    for (meta, few, many), pairs in sorted(shares.items()):
        of_map, of_time = (present(column) for column in zip(*pairs, strict=True))
        for what, shares_of_it in (("mAP", of_map), ("time", of_time)):
            if shares_of_it:
                findings.append(
                    f"{meta}: {few} instead of {many} proposals keep "
                    f"{number(mean(shares_of_it))} % of the {what} (mean of models: "
                    f"{len(shares_of_it)})."
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
