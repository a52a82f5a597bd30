"""Ensembles: the choice of members, merging, and a whole one, by hand."""

import json

import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.study.analyses.ensemble_analysis import ensemble_analysis
from od_api.study.analyses.results import study_of
from od_api.study.measure.ensemble import (
    Candidate,
    EnsembleOptions,
    GroundTruth,
    load_detections,
    merge,
    select,
    similarity,
)

A = Candidate("a", 0.5, [1.0, 0.0])
# Cosine with a: .9 / sqrt(.81 + .01) = .9939.
B = Candidate("b", 0.4, [0.9, 0.1])
# With a: 0.
C = Candidate("c", 0.3, [0.0, 1.0])
# With a and with c: sqrt(.5) = .7071.
D = Candidate("d", 0.2, [0.7, 0.7])


@pytest.mark.parametrize(
    ("threshold", "members", "names"),
    [
        (0.99, 5, "acd"),
        (0.995, 5, "abcd"),
        (0.7, 5, "ac"),
        (0.99, 2, "ac"),
        (0.99, 1, "a"),
        (1.0, 3, "abc"),
    ],
)
def test_choice_of_members(threshold, members, names):
    """Best first; what is too similar to a member is passed over, in any order."""
    options = EnsembleOptions(threshold, members)
    for candidates in ([A, B, C, D], [D, C, B, A]):
        assert "".join(c.name for c in select(candidates, options)) == names


def test_one_that_is_passed_over_does_not_keep_others_out():
    """e is as similar to b as can be, but b is no member."""
    e = Candidate("e", 0.35, [0.9, 0.3])
    assert similarity(B, e) > 0.97 > similarity(A, e)
    chosen = select([A, B, e], EnsembleOptions(0.97, 5))
    assert [c.name for c in chosen] == ["a", "e"]


def test_as_similar_as_allowed_is_no_more_than_allowed():
    """(3, 4) and (4, 3): 24 / 25."""
    pair = [Candidate("one", 0.5, [3, 4]), Candidate("two", 0.4, [4, 3])]
    assert len(select(pair, EnsembleOptions(24 / 25, 2))) == 2
    assert len(select(pair, EnsembleOptions(0.9599, 2))) == 1


def test_classes_without_objects_do_not_count():
    one = Candidate("one", 0.5, [0.5, -1.0, None, 0.5])
    two = Candidate("two", 0.5, [0.5, 0.9, 0.9, 0.5])
    assert similarity(one, two) == pytest.approx(1.0)
    assert similarity(Candidate("", 0, [None]), Candidate("", 0, [0.5])) == 0.0


@pytest.mark.parametrize("options", [(0.0, 5), (1.1, 5), (0.9, 0)])
def test_options_that_cannot_be(options):
    with pytest.raises(UserError, match="similarity"):
        select([A], EnsembleOptions(*options))


def _found(*rows):
    """Rows of (box, score, class)."""
    boxes, scores, classes = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "scores": np.array(scores, np.float32),
        "classes": np.array(classes, int),
    }


def test_merging_two_models():
    """(0, 1, 10, 11) has IoU 90 / 110 = .82 with the better box; (0, 0, 10, 6) has .6.

    The former goes; the latter stays, as .6 is not more than .6; so does the same
    box of another class.
    """
    one = _found(((0, 0, 10, 10), 0.9, 0), ((0, 0, 10, 6), 0.3, 0))
    two = _found(((0, 1, 10, 11), 0.8, 0), ((0, 0, 10, 10), 0.7, 1))
    merged = merge([one, two])
    assert merged["scores"].tolist() == pytest.approx([0.9, 0.7, 0.3])
    assert merged["classes"].tolist() == [0, 1, 0]
    assert merge([one, two], max_detections=1)["scores"] == pytest.approx([0.9])


def test_merging_again_changes_nothing_and_order_does_not_matter():
    random = np.random.default_rng(0)
    corner = random.uniform(0, 15, (60, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 30, (60, 2))], axis=1)
    rows = zip(boxes, random.uniform(size=60), random.integers(0, 3, 60), strict=True)
    rows = list(rows)
    once = merge([_found(*rows[:30]), _found(*rows[30:])])
    again, other = merge([once]), merge([_found(*rows[::-1])])
    assert 10 < len(once["scores"]) < 60
    for key, values in once.items():
        np.testing.assert_array_equal(values, again[key])
        np.testing.assert_array_equal(values, other[key])


def test_merging_nothing():
    assert len(merge([_found(), _found()])["scores"]) == 0


IMAGES, OBJECTS = range(1, 5), {1: (20, 20, 10, 10), 2: (60, 60, 10, 10)}


def _write(folder, name, results):
    file = folder / name / "detections.json"
    file.parent.mkdir()
    file.write_text(json.dumps(results))


def _results(class_id, width, score):
    """In every image the object of a class, found with a width that may be wrong."""
    x, y, _, height = OBJECTS[class_id]
    box = [x, y, width, height]
    return [
        {"image_id": i, "category_id": class_id, "bbox": box, "score": score}
        for i in IMAGES
    ]


@pytest.fixture
def study(tmp_path):
    """Three cells over four images of a ball (1) and a box (2), 10 pixels each.

    "ball" finds balls exactly: AP 1 and 0, mAP 50. "ball too" finds them with 8.7 of
    their width: IoU .87 counts at 8 of the 10 thresholds, mAP 40. "box" finds boxes
    with 7.2: 5 thresholds, mAP 25.
    """
    truth = {
        "images": [{"id": i} for i in IMAGES],
        "categories": [{"id": 1, "name": "ball"}, {"id": 2, "name": "box"}],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": b, "area": 100}
            for n, (i, (c, b)) in enumerate(
                ((i, item) for i in IMAGES for item in OBJECTS.items()), start=1
            )
        ],
    }
    (tmp_path / "groundtruth.json").write_text(json.dumps(truth))
    _write(tmp_path, "ball", _results(1, 10, 0.9))
    _write(tmp_path, "ball too", _results(1, 8.7, 0.8))
    _write(tmp_path, "box", _results(2, 7.2, 0.7))
    cells = [{"cell": {"name": n}} for n in ("ball", "ball too", "box", "none")]
    return study_of(cells, tmp_path)


def test_a_diverse_ensemble_beats_the_best_models(study):
    """ball and box: AP 1 and .5. The best two are the balls, which gain nothing."""
    analysis = ensemble_analysis(study, False, EnsembleOptions(0.99, 2))
    systems = {row[1]: row[2] for row in analysis.tables[0].rows}
    assert systems == pytest.approx(
        {
            "the best model alone": 50.0,
            "the best 2 models": 50.0,
            "diverse ensemble of 2": 75.0,
        },
        abs=0.01,
    )
    fates = [(row[1], row[2], row[3]) for row in analysis.tables[1].rows]
    assert [f[2] for f in fates] == ["member", "too similar", "member"]
    assert [f[0] for f in fates] == pytest.approx([50.0, 40.0, 25.0], abs=0.01)
    assert [f[1] for f in fates] == [None, pytest.approx(1.0), pytest.approx(0.0)]


def test_published_ensembles_are_marked(study):
    tables = ensemble_analysis(study, True, EnsembleOptions()).tables
    sources = [row[0] for row in tables[0].rows]
    assert sources == ["measured"] * 3 + ["published"] * 6
    assert all(row[0] == "published" for row in tables[2].rows)


def test_crops_are_taken_up(study):
    """Crops in which "ball" found boxes, too: alone it is as good as can be."""
    for name in ("ball", "box"):
        file = study.folder / name / "detections_crops.json"
        file.write_text(json.dumps(_results(1, 10, 0.9) + _results(2, 10, 0.9)))
    analysis = ensemble_analysis(study, False, EnsembleOptions(0.99, 2))
    systems = {row[1]: row[2] for row in analysis.tables[0].rows}
    assert systems["the best model alone, multi-crop"] == pytest.approx(100.0)
    assert systems["diverse ensemble, multi-crop"] == pytest.approx(100.0)


def test_without_files_there_is_no_ensemble(study):
    (study.folder / "groundtruth.json").unlink()
    assert ensemble_analysis(study, False, EnsembleOptions()) is None
    assert ensemble_analysis(study._replace(folder=None), False, None) is None


def test_detections_of_other_data_are_refused(study):
    file = study.folder / "box" / "detections.json"
    file.write_text(json.dumps([{**_results(1, 10, 0.9)[0], "image_id": 99}]))
    with pytest.raises(UserError, match=r"detections\.json has detections of image 99"):
        ensemble_analysis(study, False, EnsembleOptions())


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"images": []}',
        "[1]",
        "[" * 50_000,
        '[{"image_id": 1, "bbox": [1, 2], "score": 1, "category_id": 1}]',
        '[{"image_id": [1], "bbox": [], "score": 1, "category_id": 1}]',
        '{"images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}], '
        '"annotations": [{"image_id": 1, "bbox": [1], "category_id": 1}]}',
    ],
    ids=range(7),
)
def test_files_that_are_something_else_are_named(tmp_path, text):
    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"file\.json"):
        GroundTruth(file)
    with pytest.raises(UserError, match=r"file\.json"):
        load_detections(file)
