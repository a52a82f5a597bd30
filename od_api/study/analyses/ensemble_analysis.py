"""The ensemble of a study's models, as an analysis of the report."""

from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.study.analyses.analysis import (
    MAP,
    MEASURED,
    Analysis,
    Bar,
    Figure,
    Table,
    number,
)
from od_api.study.grid.published_results import MEMBERS, SYSTEMS
from od_api.study.measure import ensemble, multi_crop

_METRICS = {
    "AP": "Precision/mAP",
    "AP.5": "Precision/mAP@.50IOU",
    "AP.75": "Precision/mAP@.75IOU",
    "AP small": "Precision/mAP (small)",
    "AP medium": "Precision/mAP (medium)",
    "AP large": "Precision/mAP (large)",
    "AR@100": "Recall/AR@100",
}


class Merged(NamedTuple):
    """Ensembles that were measured.

    Attributes:
      text: how their members were chosen, and on what they were measured.
      scores: {system: values of _METRICS in percent, or None}.
      members: rows of what became of each candidate; names: their models.
    """

    text: str
    scores: dict
    members: list
    names: list


def ensemble_analysis(study, published, options):
    """Diverse selection, merging, evaluation; None if there is nothing to merge.

    Needs RESULTS/groundtruth.json and two cells with a detections.json, or a study that
    was merged before.

    Raises:
      UserError: files that are not what they should be, or options that cannot be.
    """
    merged = study.merged or _merged(study, options)
    if merged is None:
        return None
    return Analysis(
        "ensemble",
        "Ensembles",
        merged.text,
        [f"{name}: {number(row[0])} % mAP." for name, row in merged.scores.items()],
        [
            _systems_table(merged.scores, published),
            _members_table(merged),
            *([_published_members()] if published else []),
        ],
        [_figure(merged.scores)],
    )


def measured_scores(rows):
    """{system: values} of the rows that are measured in the table of systems."""
    return {row[1]: row[2:] for row in rows if row[0] == MEASURED}


def _merged(study, options):
    """Chooses, merges and measures; None if there is nothing to merge."""
    labels = {m.name: m.label for m in study.models}
    files = _files(study, labels, "detections.json")
    truth_file = study.folder and study.folder / "groundtruth.json"
    if len(files) < 2 or not truth_file or not truth_file.is_file():
        return None
    truth = ensemble.GroundTruth(truth_file)
    choosing, measuring = _halves(truth.images)
    found = {name: _load(file, truth) for name, file in files.items()}
    candidates = [_candidate(n, d, truth, choosing) for n, d in found.items()]
    candidates.sort(key=lambda c: (-c.map, c.name))
    chosen = [c.name for c in ensemble.select(candidates, options)]
    crops = _files(study, chosen, multi_crop.FILE)
    crops = {name: _load(file, truth) for name, file in crops.items()}
    systems = _systems([c.name for c in candidates], chosen, found, crops)
    return Merged(
        _text(options, len(choosing), len(measuring), choosing == measuring),
        {name: _measure(each, truth, measuring) for name, each in systems.items()},
        _member_rows(candidates, chosen, labels, options),
        [c.name for c in candidates],
    )


def _systems(best, chosen, found, crops):
    """{system: detections of its members}; `best` are all names, best first."""
    systems = {
        "the best model alone": [found[best[0]]],
        f"the best {len(chosen)} models": [found[n] for n in best[: len(chosen)]],
        f"diverse ensemble of {len(chosen)}": [found[n] for n in chosen],
    }
    if best[0] in crops:
        systems["the best model alone, multi-crop"] = [crops[best[0]]]
    if len(crops) == len(chosen):
        systems["diverse ensemble, multi-crop"] = list(crops.values())
    return systems


def _text(options, choosing, measuring, same):
    images = (
        f"the same {measuring} images, which flatters all of them"
        if same
        else f"{measuring} other images"
    )
    return (
        f"Models are chosen by their mAP on {choosing} images, best first; one whose "
        "APs of the classes have a cosine above "
        f"{options.similarity} with those of a member is passed over; at most "
        f"{options.members} members. Their boxes are merged by non-max suppression of "
        f"each class (IoU {ensemble.IOU_THRESHOLD}) and measured on {images}. The "
        "study's threshold is not printed; the one here is ours. With multi-crop, "
        "members saw the image and nine windows of it (`od-api study crops`)."
    )


def _files(study, names, file_name):
    if study.folder is None:
        return {}
    files = {name: study.folder / name / file_name for name in names}
    return {name: file for name, file in files.items() if file.is_file()}


def _load(file, truth):
    found = ensemble.load_detections(file)
    if strange := set(found) - set(truth.images):
        raise UserError(
            f"{file} has detections of image {min(strange, key=str)}, but "
            "groundtruth.json has no such image: they are of different data"
        )
    return found


def _halves(images):
    """Every other image to choose by, the rest to measure on; one image is both."""
    images = sorted(images)
    return (images[::2], images[1::2]) if len(images) > 1 else (images, images)


def _candidate(name, detections, truth, images):
    metrics = truth.evaluate(detections, images)
    per_class = [row["AP"] for row in metrics.per_class()]
    return ensemble.Candidate(name, metrics.result()[metrics.main_metric], per_class)


def _measure(members, truth, images):
    """Values of _METRICS in percent, or None, of the members' merged detections."""
    merged = {}
    for image in images:
        results = [m[image] for m in members if image in m]
        if results:
            merged[image] = results[0] if len(members) == 1 else ensemble.merge(results)
    metrics = truth.evaluate(merged, images).result()
    values = [metrics[f"DetectionBoxes_{name}"] for name in _METRICS.values()]
    return [None if v < 0 else 100.0 * v for v in values]


def _systems_table(scores, published):
    rows = [[MEASURED, name, *values] for name, values in scores.items()]
    for row in SYSTEMS if published else ():
        values = (row.map, row.map_50, row.map_75, row.map_small, row.map_medium)
        label = f"Table {row.table}: {row.name}"
        rows.append(["published", label, *values, row.map_large, row.ar_100])
    columns = ["source", "system", *(f"{name} (%)" for name in _METRICS)]
    return Table("ensemble", "Ensembles and single models", columns, rows)


def _members_table(merged):
    columns = ["model", "held-out mAP (%)", "greatest cosine with a member", "result"]
    return Table(
        "ensemble_members",
        "Choice of the members",
        columns,
        merged.members,
        merged.names,
    )


def _member_rows(candidates, chosen, labels, options):
    """What became of each candidate, in the order in which they were looked at."""
    by_name = {c.name: c for c in candidates}
    rows = []
    for candidate in candidates:
        before = [by_name[n] for n in chosen if _comes_before(by_name[n], candidate)]
        alike = max((ensemble.similarity(candidate, b) for b in before), default=None)
        if candidate.name in chosen:
            fate = "member"
        elif alike is not None and alike > options.similarity:
            fate = "too similar"
        else:
            fate = "enough members"
        accuracy = None if candidate.map < 0 else 100.0 * candidate.map
        rows.append([labels[candidate.name], accuracy, alike, fate])
    return rows


def _comes_before(member, candidate):
    return (-member.map, member.name) < (-candidate.map, candidate.name)


def _published_members():
    columns = ["source", "AP (%)", "extractor", "stride", "loss weights", "box loss"]
    rows = [["published", *row] for row in MEMBERS]
    return Table("ensemble_published", "Members of the study (Table 5)", columns, rows)


def _figure(scores):
    values = {name: row[0] for name, row in scores.items()}
    bars = [Bar(name, "mAP", v) for name, v in values.items() if v is not None]
    return Figure("ensemble", "mAP of ensembles", MAP, "", bars=bars)
