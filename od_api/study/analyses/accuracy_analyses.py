"""Accuracy: by the extractor, by the size of objects, and by IoU threshold."""

from od_api.study.analyses.analysis import (
    MAP,
    PUBLISHED,
    Analysis,
    Bar,
    Figure,
    Point,
    Table,
    fit_line,
    grouped,
    number,
    point,
    present,
)
from od_api.study.analyses.fits import fit
from od_api.study.analyses.frontier_analyses import published_label
from od_api.study.analyses.models import common_resolution, full_models
from od_api.study.grid.published import EXTRACTORS
from od_api.study.grid.published_results import CRITICAL_POINTS, SYSTEMS

# AP at a threshold: the field of Model and of System.
_THRESHOLDS = {"AP@.50": "map_50", "AP@.75": "map_75"}


def of_common_resolution(study):
    """The models of the common resolution, each with its most proposals."""
    common = common_resolution(study.models)
    return [m for m in full_models(study.models) if m.resolution == common]


def top_1(model):
    """ImageNet accuracy of the model's extractor in Table 2 (percent), or None."""
    extractor = EXTRACTORS.get(model.extractor)
    return extractor and extractor.top_1


def extractor_fits(study):
    """{meta-architecture: Fit of mAP against the extractor's ImageNet accuracy}."""
    models = of_common_resolution(study)
    groups = grouped(models, lambda m: m.meta_architecture)
    return {name: fit((top_1(m), m.map) for m in of_it) for name, of_it in groups}


def imagenet(study, published):
    """The detector's mAP against its extractor's accuracy on ImageNet."""
    models = of_common_resolution(study)
    points = [point(m, top_1(m), m.map, hue=m.meta_architecture) for m in models]
    points, fits = present(points), extractor_fits(study)
    rows = [[name, *result] for name, result in fits.items() if result.n]
    columns = fit_columns("meta-architecture")
    return Analysis(
        "imagenet",
        "The extractor's accuracy on ImageNet",
        "mAP of the models of the resolution that most extractors have, each with its "
        "most proposals, against the top-1 accuracy that the study printed for their "
        "extractors (Table 2). Extractors that are not in that table are left out."
        + " Hollow: published (Table 3's low-resolution models)."
        * published,
        [
            f"{name}: {number(f.slope, 2)} points of mAP for each point of top-1"
            + (f", correlation {f.pearson:.2f}" if f.pearson is not None else "")
            + f" ({f.n} models)."
            for name, f in fits.items()
            if f.slope is not None
        ],
        [Table("imagenet", "mAP against top-1", columns, rows)],
        [_imagenet_figure(points, fits, _published_extractors() if published else [])],
    )


def _imagenet_figure(points, fits, published_points):
    lines = []
    for name, result in fits.items():
        own = [p for p in points if p.shape == name]
        fitted = present([fit_line(f"least squares, {name}", own, result)])
        lines += [line._replace(hue=name) for line in fitted]
    return Figure(
        "imagenet",
        "Detector against extractor",
        "top-1 accuracy of the extractor on ImageNet (%)",
        MAP,
        hue="meta-architecture",
        shape="meta-architecture",
        points=points + published_points,
        lines=lines,
    )


def _published_extractors():
    return [
        Point(
            EXTRACTORS[row.extractor].top_1,
            row.minival,
            f"published: {published_label(row)}",
            row.meta_architecture,
            row.meta_architecture,
            source=PUBLISHED,
        )
        for row in CRITICAL_POINTS
        if row.resolution == "low"
    ]


def fit_columns(first):
    """Columns of a table of Fits."""
    return [first, "models", "Pearson", "Spearman", "slope", "intercept", "R²"]


def object_size(study, published):
    """AP of small, medium and large objects."""
    sizes = {"small": "map_small", "medium": "map_medium", "large": "map_large"}
    models = of_common_resolution(study)
    models = [m for m in models if present(getattr(m, f) for f in sizes.values())]
    models.sort(key=lambda m: (m.meta_architecture, m.extractor, m.stride or 0))
    rows = [
        ["measured", m.label, *(getattr(m, f) for f in sizes.values())] for m in models
    ]
    names = [m.name for m in models]
    for row in SYSTEMS if published else ():
        label = f"Table {row.table}: {row.name}"
        rows.append(["published", label, *(getattr(row, f) for f in sizes.values())])
        names.append(None)
    bars = [
        Bar(m.label, size, getattr(m, field), model=m.name)
        for m in models
        for size, field in sizes.items()
        if getattr(m, field) is not None
    ]
    columns = ["source", "model", *(f"AP {size} (%)" for size in sizes)]
    return Analysis(
        "object_size",
        "The size of objects",
        "AP of small (below 32² pixels of the image), medium and large (from 96²) "
        "objects, of the models of the resolution that most extractors have, each with "
        "its most proposals.",
        [],
        [Table("object_size", "AP by the size of objects", columns, rows, names)],
        [Figure("object_size", "AP by the size of objects", "AP (%)", "", bars=bars)],
    )


def localisation_fits(models):
    """{"AP@.50": Fit, "AP@.75": Fit} against overall AP, of Models or Systems."""
    return {
        name: fit((m.map, getattr(m, field)) for m in models)
        for name, field in _THRESHOLDS.items()
    }


def localisation(study, published):
    """AP at the thresholds .5 and .75 against overall AP."""
    fits = localisation_fits(study.models)
    rows = [["measured", name, *fit] for name, fit in fits.items() if fit.n]
    if published:
        rows += [
            ["published (Tables 4 and 6)", name, *fit]
            for name, fit in localisation_fits(SYSTEMS).items()
        ]
    findings = [
        f"{row[1]} ({row[0]}): R² {number(row[-1], 3)} over {row[2]} models."
        for row in rows
        if row[-1] is not None
    ]
    columns = ["source", *fit_columns("threshold")]
    return Analysis(
        "localisation",
        "AP at one threshold against overall AP",
        "Overall AP is the mean over the IoU thresholds .50, .55, ... .95.",
        findings,
        [Table("localisation", "Fits to overall AP", columns, rows)],
        [_localisation_figure(study, fits, published)],
    )


def _localisation_figure(study, fits, published):
    points, lines = [], []
    for name, result in fits.items():
        own = present(
            point(m, m.map, getattr(m, _THRESHOLDS[name]), hue=name)
            for m in study.models
        )
        points += own
        fitted = present([fit_line(f"least squares, {name}", own, result)])
        lines += [line._replace(hue=name) for line in fitted]
    return Figure(
        "localisation",
        "AP at one IoU threshold against overall AP",
        "mAP@[.5:.95] (%)",
        "AP at the threshold (%)",
        hue="threshold",
        shape="meta-architecture",
        points=points + (_published_systems() if published else []),
        lines=lines,
    )


def _published_systems():
    return [
        Point(
            row.map,
            getattr(row, field),
            f"published, Table {row.table}: {row.name}",
            name,
            "published",
            source=PUBLISHED,
        )
        for name, field in _THRESHOLDS.items()
        for row in SYSTEMS
    ]
