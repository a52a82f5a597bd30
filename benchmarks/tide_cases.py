"""Cases of detections, and what tidecv says of them: benchmarks/tide_cases.json.

tidecv is what the authors of TIDE (Bolya et al., ECCV 2020) published. It needs OpenCV
and pandas, so it is not among the packages that tests need: this script makes the
record, and tests/metrics/diagnosis/test_detection_errors.py reads it.

    python -m venv /tmp/tide && /tmp/tide/bin/pip install tidecv==1.0.1
    /tmp/tide/bin/python benchmarks/tide_cases.py
"""

import importlib.metadata
import json
import pathlib
import sys

import numpy as np

PATH = pathlib.Path(__file__).with_suffix(".json")
NAMES = {
    "Cls": "classification",
    "Loc": "localisation",
    "Both": "both",
    "Dupe": "duplicate",
    "Bkg": "background",
    "Miss": "missed",
}
BOX = [10, 10, 40, 40]


def by_hand():
    """{name: images}: each image is {"truths", "detections"} of COCO's fields.

    Boxes are [x, y, width, height]; truths [class, box, crowd], detections [class, box,
    score].
    """
    return {
        "right": [image([[1, BOX, 0]], [[1, BOX, 0.9]])],
        "nothing found": [image([[1, BOX, 0]], [])],
        "nothing there": [image([[1, BOX, 0]], [[1, BOX, 0.9]]),
                          image([], [[1, BOX, 1]])],
        "another class": [image([[1, BOX, 0]], [[2, BOX, 0.9]])],
        "beside": [image([[1, BOX, 0]], [[1, [30, 10, 40, 40], 0.9]])],
        "iou of a half": [image([[1, BOX, 0]], [[1, [10, 10, 40, 20], 0.9]])],
        "iou of a tenth": [
            image([[1, [0, 0, 10, 10], 0]], [[1, [0, 0, 1, 10], 0.9]]),
            image([[1, [0, 0, 10, 10], 0]], [[2, [0, 0, 1, 10], 0.9]]),
        ],
        "both": [image([[1, BOX, 0]], [[2, [30, 10, 40, 40], 0.9]])],
        "twice": [image([[1, BOX, 0], [1, [80, 80, 9, 9], 0]],
                        [[1, BOX, 0.9], [1, BOX, 0.95]])],
        "two for one cure": [image([[1, BOX, 0]], [[1, [30, 10, 40, 40], 0.4],
                                                   [2, BOX, 0.9]])],
        "error about a claimed one": [image([[1, BOX, 0]], [[1, BOX, 0.5],
                                                            [2, BOX, 0.9]])],
        "in a crowd": [image([[1, BOX, 1], [1, [80, 80, 20, 20], 0]],
                             [[1, [12, 12, 9, 9], 0.9], [2, [12, 12, 9, 9], 0.8],
                              [1, [80, 80, 20, 20], 0.7]])],
        "only a crowd": [image([[1, BOX, 1]], [[1, [12, 12, 9, 9], 0.9]]),
                         image([[1, BOX, 0]], [[1, BOX, 0.5]])],
        "beside one, in a crowd": [image([[1, [0, 0, 100, 100], 1], [1, BOX, 0]],
                                         [[1, [30, 10, 40, 40], 0.9]])],
        "equal scores": [image([[1, BOX, 0], [1, [80, 80, 20, 20], 0]],
                               [[1, BOX, 0.5], [1, [200, 0, 9, 9], 0.5],
                                [2, [80, 80, 20, 20], 0.5]])] * 3,
    }  # fmt: skip


def image(truths, detections):
    return {"truths": truths, "detections": detections}


def drawn(seed, images, classes, most, digits=6):
    """Random images; boxes are of whole pixels, so that IoUs are the same."""
    rng = np.random.default_rng(seed)
    return [one_drawn(rng, i, classes, most, digits) for i in range(images)]


def one_drawn(rng, index, classes, most, digits):
    objects = int(rng.integers(1, 9)) if index % 5 else 0
    boxes = np.concatenate(
        [rng.integers(0, 200, (objects, 2)), rng.integers(6, 120, (objects, 2))], axis=1
    )
    kinds = rng.integers(1, classes + 1, objects)
    truths = [
        [int(k), b.tolist(), int(rng.random() < 0.12)]
        for k, b in zip(kinds, boxes, strict=True)
    ]
    detections = []
    for _ in range(int(rng.integers(0, most)) if index % 7 else 0):
        if objects and rng.random() < 0.8:
            of = rng.integers(objects)
            shift = rng.normal(0, rng.choice([2, 12]), 4).round().astype(int)
            box, kind = np.maximum(boxes[of] + shift, [0, 0, 1, 1]), kinds[of]
        else:
            box = np.concatenate([rng.integers(0, 200, 2), rng.integers(6, 120, 2)])
            kind = 0
        if not kind or rng.random() < 0.2:
            kind = rng.integers(1, classes + 1)
        score = round(float(rng.random()), digits)
        detections.append([int(kind), box.tolist(), score])
    return image(truths, detections)


def measured(images):
    """What tidecv says, as `costs` names it."""
    from tidecv import TIDE, Data

    truth, found = Data("truth"), Data("found")
    for number, one in enumerate(images):
        truth.add_image(number, str(number))
        for kind, box, crowd in one["truths"]:
            add = truth.add_ignore_region if crowd else truth.add_ground_truth
            add(number, kind, box)
        for kind, box, score in one["detections"]:
            found.add_detection(number, kind, score, box)
    tide = TIDE()
    run = tide.evaluate(truth, found, mode=TIDE.BOX)
    gains, counts = run.fix_main_errors(), run.count_errors()
    special = {k.short_name: v for k, v in run.fix_special_errors().items()}
    return {
        "AP50": run.ap / 100,
        "errors": {
            NAMES[kind.short_name]: {"count": counts[kind], "dAP": gain / 100}
            for kind, gain in gains.items()
        },
        "false_positives": special["FalsePos"] / 100,
        "false_negatives": special["FalseNeg"] / 100,
    }


def main():
    # Without anything to measure, tidecv divides by zero: each case has one more class.
    sure = [image([[9, BOX, 0]], [[9, BOX, 0.3]])]
    cases = {name: images + sure for name, images in by_hand().items()}
    cases["drawn"] = drawn(1, 40, 4, 25)
    cases["drawn, one class"] = drawn(2, 25, 1, 12)
    cases["drawn, more than are looked at"] = drawn(3, 6, 3, 260)
    cases["drawn, many equal scores"] = drawn(4, 30, 3, 20, digits=1)
    rows = [
        {"name": name, "images": images, "tidecv": measured(images)}
        for name, images in cases.items()
    ]
    version = importlib.metadata.version("tidecv")
    lines = ",\n".join(json.dumps(row) for row in rows)
    PATH.write_text(f'{{"tidecv": "{version}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(rows)} cases in {PATH}")


if __name__ == "__main__":
    sys.exit(main())
