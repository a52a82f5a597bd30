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

_PUBLISHED_MODEL = "Faster R-CNN, Inception-ResNet-v2"


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
    series = proposal_series(study.models)
    columns = ["source", "model", "proposals", "mAP (%)", "time (ms)"]
    columns += ["mAP kept (%)", "time kept (%)"]
    members = [(full, m) for full, members in series for m in members]
    rows = [_proposal_row(full, m) for full, m in members]
    names = [m.name for _, m in members]
    published_points = []
    if published:
        rows += _published_rows()
        names += [None] * len(PROPOSALS)
        published_points = _published_points()
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


def _proposal_row(full, model):
    shares = (kept(full, model, "map"), kept(full, model, "time_ms"))
    measured = (model.proposals, model.map, model.time_ms)
    return ["measured", _without(model), *measured, *shares]


def _published_rows():
    return [
        ["published", _PUBLISHED_MODEL, n, ap, None, 100.0 * ap / PROPOSALS[300], None]
        for n, ap in PROPOSALS.items()
    ]


def _published_points():
    return [
        Point(
            n,
            ap,
            f"published: {_PUBLISHED_MODEL}, {n} proposals",
            "Inception-ResNet-v2",
            "Faster R-CNN",
            source=PUBLISHED,
        )
        for n, ap in PROPOSALS.items()
    ]


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
