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
    points = present(points)
    fits, lines, rows = extractor_fits(study), [], []
    columns = fit_columns("meta-architecture")
    for name, result in fits.items():
        rows += [[name, *result]] * (result.n > 0)
        own = [p for p in points if p.shape == name]
        lines += present([fit_line(f"least squares, {name}", own, result)])
    if published:
        points += _published_extractors()
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
        [
            Figure(
                "imagenet",
                "Detector against extractor",
                "top-1 accuracy of the extractor on ImageNet (%)",
                MAP,
                hue="meta-architecture",
                shape="meta-architecture",
                points=points,
                lines=[line._replace(hue=line.label.split(", ")[1]) for line in lines],
            )
        ],
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
        "AP@.50": fit((m.map, m.map_50) for m in models),
        "AP@.75": fit((m.map, m.map_75) for m in models),
    }


def localisation(study, published):
    """AP at the thresholds .5 and .75 against overall AP."""
    fields = {"AP@.50": "map_50", "AP@.75": "map_75"}
    points, lines, rows = [], [], []
    for name, result in localisation_fits(study.models).items():
        own = present(
            point(m, m.map, getattr(m, fields[name]), hue=name) for m in study.models
        )
        points += own
        lines += [
            line._replace(hue=name)
            for line in present([fit_line(f"least squares, {name}", own, result)])
        ]
        rows += [["measured", name, *result]] * (result.n > 0)
    for name, result in localisation_fits(SYSTEMS).items() if published else ():
        rows.append(["published (Tables 4 and 6)", name, *result])
        points += [
            Point(
                row.map,
                getattr(row, fields[name]),
                f"published, Table {row.table}: {row.name}",
                name,
                "published",
                source=PUBLISHED,
            )
            for row in SYSTEMS
        ]
    findings = [
        f"{row[1]} ({row[0]}): R² {number(row[-1], 3)} over {row[2]} models."
        for row in rows
        if row[-1] is not None
    ]
    return Analysis(
        "localisation",
        "AP at one threshold against overall AP",
        "Overall AP is the mean over the IoU thresholds .50, .55, ... .95.",
        findings,
        [
            Table(
                "localisation",
                "Fits to overall AP",
                ["source", *fit_columns("threshold")],
                rows,
            )
        ],
        [
            Figure(
                "localisation",
                "AP at one IoU threshold against overall AP",
                "mAP@[.5:.95] (%)",
                "AP at the threshold (%)",
                hue="threshold",
                shape="meta-architecture",
                points=points,
                lines=lines,
            )
        ],
    )
