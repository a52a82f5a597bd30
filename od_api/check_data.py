"""Looks at the data of a config: each set, the sets beside each other, and its labels
beside what a model finds."""

import os

from od_api.core.errors import UserError
from od_api.core.registry import build_field
from od_api.data.findings import Report
from od_api.data.inputs import inputs_of
from od_api.data.split_checks import facts_of, findings_of
from od_api.system.leftovers import workspace
from od_api.viewing.findings_page import findings_page
from od_api.viewing.viewed_pictures import viewed_pictures

# The place of what concerns several sets.
BETWEEN = "between the sets"
# Detections below say nothing of labels.
_SURE = 0.7
_MOST = 50
_DOUBTS = {
    "background": "the model finds {name} ({score:.2f}) where no box is",
    "classification": "the model says {name} ({score:.2f}) of what has another label",
}


def check_data(config, *, fast=False, detections=None):
    """{place: Report} of all input readers, and of BETWEEN.

    Warnings and notes of BETWEEN: shared_image, untrained_class, unmeasured_class,
    imbalance, small_boxes, gray_images; and with detections label_noise: the surest of
    those that no label agrees with. They need all records: `fast` leaves them out.

    Args:
      config: TrainEvalPipelineConfig.
      fast: the quick look that training takes.
      detections: path of COCO results or records, of the first eval_input_reader.

    Raises:
      UserError: a reader cannot be served, or detections of other images.
    """
    if fast and detections:
        raise UserError("labels are compared with detections without --fast")
    inputs = inputs_of(config)
    reports = {place: source.report(fast) for place, source in inputs.items()}
    if fast:
        return reports
    reports[BETWEEN] = between = Report()
    resizer = build_field(
        getattr(config.model, config.model.WhichOneof("model")), "image_resizer"
    )
    facts = {
        place: facts_of(place, source.paths, source.label_map, resizer)
        for place, source in inputs.items()
    }
    train = facts.pop("train_input_reader", None)
    for severity, kind, detail in findings_of(train, list(facts.values())):
        between.add(severity, kind, detail)
    if detections:
        _add_doubts(between, inputs, detections)
    return reports


def _add_doubts(report, inputs, detections):
    """Adds the detections that labels disagree with, the surest first."""
    measured = [place for place in inputs if place.startswith("eval")]
    if not measured:
        raise UserError("detections are of an eval_input_reader, and there is none")
    source = inputs[measured[0]]
    pictures, _ = viewed_pictures(source.paths, source.label_map, detections, _SURE)
    doubts = [
        (box["score"], picture, box)
        for picture in pictures
        for box in picture.boxes
        if box["of"] == "found" and box["error"] in _DOUBTS
    ]
    for score, picture, box in sorted(doubts, key=lambda d: -d[0])[:_MOST]:
        name = source.label_map.name(box["class"])
        place = ", ".join(f"{v:g}" for v in box["box"])
        report.add(
            "note",
            "label_noise",
            f"{_DOUBTS[box['error']].format(name=name, score=score)}, at [{place}] "
            "(top, left, bottom, right): is the label right?",
            file=str(picture.path),
            record=picture.index,
            source_id=picture.name,
        )


def check_page(config, reports, path, detections=None):
    """Writes what `check_data` found as a page with pictures.

    Args:
      config: TrainEvalPipelineConfig.
      reports: of `check_data`.
      path: of the HTML file.
      detections: as of `check_data`; they are drawn, too.

    Raises:
      UserError: it cannot be written.
    """
    pictures = {}
    for place, source in inputs_of(config).items():
        given = detections if place == "eval_input_reader[0]" else None
        seen, _ = viewed_pictures(source.paths, source.label_map, given, _SURE)
        pictures |= {(str(p.path), p.index): p for p in seen}
    page = findings_page("What is wrong with the data", reports, pictures)
    with workspace(path) as folder:
        part = folder / "page.html"
        part.write_text(page, "utf-8")
        os.replace(part, path)
