"""Multi-crop inference: windows, what they cut, and a whole run, by hand."""

import json

import numpy as np
import tensorflow as tf

from od_api import cli
from od_api.study.measure import evaluation_images, multi_crop
from od_api.study.measure.evaluation_images import EvaluationImage
from od_api.study.measure.multi_crop import detect_windows, to_results, windows


def _found(*rows):
    """Rows of (box, score, class)."""
    boxes, scores, classes = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "scores": np.array(scores, np.float32),
        "classes": np.array(classes, int),
    }


def test_windows_cover_the_image():
    """The image itself and 3 x 3 parts of .6 of its sides."""
    found = windows(100, 50)
    assert found[0][:4] == (0, 0, 100, 50) and len(found) == 10
    assert {(b - t, r - x) for t, x, b, r, _ in found[1:]} == {(60, 30)}
    assert {t for t, *_ in found[1:]} == {0, 20, 40}
    assert [window[:4] for window in windows(1, 1)] == [(0, 0, 1, 1)]


def test_boxes_that_a_window_cuts_are_left_out():
    """The window is the lower right part: its top and left edges are inside."""
    inside, cut, at_border = (10, 10, 20, 20), (0, 10, 20, 20), (10, 10, 60, 60)
    found = _found((inside, 0.9, 0), (cut, 0.8, 0), (at_border, 0.7, 0))
    part = windows(100, 100)[-1]
    assert part[:4] == (40, 40, 100, 100)
    moved = part.put_back(found, 100, 100)
    assert moved["boxes"].tolist() == [[50, 50, 60, 60], [50, 50, 100, 100]]


def test_a_detector_over_windows_finds_each_object_once():
    """A "detector" that finds the bounds of each grey value it sees."""
    truth = {1: (5, 5, 25, 25), 2: (40, 30, 58, 70), 3: (70, 0, 100, 12)}
    pixels = np.zeros((100, 80, 3), np.uint8)
    for value, (top, left, bottom, right) in truth.items():
        pixels[top:bottom, left:right] = value

    def detect(seen):
        rows = []
        for value in np.unique(seen[seen > 0]):
            y, x = np.nonzero(seen[..., 0] == value)
            box = (y.min(), x.min(), y.max() + 1, x.max() + 1)
            # Sharper where the object fills more of the window.
            rows.append((box, len(y) / seen[..., 0].size, value - 1))
        return _found(*rows)

    found = detect_windows(detect, pixels)
    boxes = {
        c + 1: tuple(b) for b, c in zip(found["boxes"], found["classes"], strict=True)
    }
    assert boxes == truth and len(found["scores"]) == 3
    for row in to_results(found, 7):
        top, left, bottom, right = truth[row["category_id"]]
        assert row["bbox"] == [left, top, right - left, bottom - top]
        assert row["image_id"] == 7


class _Middle(tf.Module):
    """A "detector" that finds a box of class 2 in the middle half of what it sees."""

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
    def __call__(self, input_tensor):
        return {
            "num_detections": tf.constant([1.0]),
            "detection_boxes": tf.constant([[[0.25, 0.25, 0.75, 0.75]]]),
            "detection_scores": tf.constant([[0.5]])
            + 0.0 * tf.cast(tf.reduce_sum(tf.cast(input_tensor, tf.int32)), tf.float32),
            "detection_classes": tf.constant([[2.0]]),
        }


def test_command_writes_results_for_the_report(tmp_path, monkeypatch, capsys):
    """An image of 100 x 100: its own box is (25, 25)-(75, 75).

    The nine parts have sides of 60 and start at 0, 20 and 40; their boxes have sides of
    30 and start at 15, 35 and 55. Neighbours overlap by 10 of 30: IoU 1/5 and less;
    with the image's own box, 900 / 2500 at most. None of the ten is suppressed.
    """
    export = tmp_path / "one" / "export"
    model = _Middle()
    signatures = {"serving_default": model.__call__.get_concrete_function()}
    tf.saved_model.save(model, str(export / "saved_model"), signatures=signatures)
    (export / "pipeline.config").write_text("")
    images = [EvaluationImage(7, np.zeros((100, 100, 3), np.uint8), {})]
    monkeypatch.setattr(evaluation_images, "EvaluationImages", lambda config: images)
    assert cli.main(["study", "crops", str(tmp_path), "one"]) == 0
    path = tmp_path / "one" / multi_crop.FILE
    assert capsys.readouterr().out.strip() == str(path)
    results = json.loads(path.read_text())
    boxes = {tuple(r["bbox"]) for r in results}
    starts = (15.0, 35.0, 55.0)
    parts = {(x, y, 30.0, 30.0) for x in starts for y in starts}
    assert boxes == parts | {(25.0, 25.0, 50.0, 50.0)} and len(results) == 10
    assert {(r["image_id"], r["category_id"]) for r in results} == {(7, 2)}


def test_a_cell_that_was_not_exported_is_refused(tmp_path, capsys):
    assert cli.main(["study", "crops", str(tmp_path), "one"]) == 2
    assert "export" in capsys.readouterr().err
