"""How well anchors cover boxes: by hand, by size, and as the command prints it."""

import argparse
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_two_stage

from od_api.core.errors import ConfigError, UserError
from od_api.data import anchor_coverage, data_commands

BOX = tf.constant([[100.0, 100, 148, 148]])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"), num_images=4)


def square(side):
    return tf.constant([[124.0 - side / 2] * 2 + [124.0 + side / 2] * 2])


def test_a_box_between_two_anchors():
    """48 px between squares of 32 and 64: max(32^2 / 48^2, 48^2 / 64^2) = .5625."""
    anchors = tf.concat([square(32), square(64)], axis=0)
    np.testing.assert_allclose(anchor_coverage.best_overlaps(BOX, anchors), [0.5625])
    shares = anchor_coverage.anchor_coverage(BOX, anchors, [0.5, 0.5625, 0.7])
    np.testing.assert_array_equal(shares, [1, 0, 0])
    smaller = anchor_coverage.best_overlaps(BOX, square(32))
    np.testing.assert_allclose(smaller, [32**2 / 48**2])


def test_shares_of_several_boxes():
    """One in place, one of .5625, one far away."""
    boxes = tf.concat([square(64), BOX, BOX + 500], axis=0)
    shares = anchor_coverage.anchor_coverage(boxes, square(64), [0.5, 0.7])
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3])


def test_no_anchors_and_no_boxes():
    none = tf.zeros([0, 4])
    np.testing.assert_array_equal(anchor_coverage.best_overlaps(BOX, none), [0])
    assert anchor_coverage.best_overlaps(none, BOX).shape == (0,)


def anchors_by_hand():
    """Those of the tiny SSD: two squares on each cell of four maps.

    96 px; the maps have 6, 3, 2 and 1 cells. The second square of a cell lies between
    the scale of its map and the next one, geometrically.
    """
    scales = [0.2, 0.4, 0.6, 0.8, 1.0]
    anchors = []
    for i, cells in enumerate((6, 3, 2, 1)):
        middles = (np.arange(cells) + 0.5) / cells * 96
        for scale in (scales[i], np.sqrt(scales[i] * scales[i + 1])):
            for y in middles:
                for x in middles:
                    half = scale * 96 / 2
                    anchors.append([y - half, x - half, y + half, x + half])
    return np.array(anchors)


def iou(box, anchors):
    low, high = np.maximum(box[:2], anchors[:, :2]), np.minimum(box[2:], anchors[:, 2:])
    overlap = np.prod(np.maximum(high - low, 0), axis=1)
    sides = anchors[:, 2:] - anchors[:, :2]
    return overlap / (np.prod(box[2:] - box[:2]) + np.prod(sides, axis=1) - overlap)


def boxes_of(data):
    """In pixels of 96 px images."""
    boxes = []
    for path in sorted(data.glob("scenes.record-*")):
        for record in tf.data.TFRecordDataset(str(path)):
            features = tf.train.Example.FromString(record.numpy()).features.feature
            edges = [
                features[f"image/object/bbox/{edge}"].float_list.value
                for edge in ("ymin", "xmin", "ymax", "xmax")
            ]
            boxes += [96 * np.array(box) for box in zip(*edges, strict=True)]
    return boxes


def test_a_config_of_one_stage(data, tmp_path):
    """Against a count in NumPy, anchor by anchor."""
    config = tiny.config_for(tmp_path, data)
    rows = {r.size: r for r in anchor_coverage.coverage_of(config)}
    anchors, boxes = anchors_by_hand(), boxes_of(data)
    best = np.array([iou(box, anchors).max() for box in boxes])
    assert rows["all"].boxes == len(boxes) == 13
    assert rows["all"].mean == pytest.approx(best.mean(), abs=1e-4)
    assert rows["all"].shares == {
        t: pytest.approx((best > t).mean()) for t in (0.5, 0.7)
    }
    small = np.array([np.prod(b[2:] - b[:2]) < 32**2 for b in boxes])
    assert rows["small"].boxes == small.sum() > 0
    assert rows["small"].mean == pytest.approx(best[small].mean(), abs=1e-4)
    assert rows["large"].boxes == 0 and np.isnan(rows["large"].mean)


def test_anchors_that_take_no_part_cover_nothing(data, tmp_path):
    """With clip_anchors_to_image they take part, and the coverage grows."""
    means = []
    for clip in ("false", "true"):
        folder = tmp_path / clip
        folder.mkdir()
        setting = f"model.faster_rcnn.clip_anchors_to_image={clip}"
        config = tiny_two_stage.config_for(folder, data, "faster_rcnn", setting)
        rows = anchor_coverage.coverage_of(config, reader=0, max_images=2)
        means.append(rows[0].mean)
    assert means[0] < means[1]


def run(*arguments):
    parser = argparse.ArgumentParser()
    data_commands.add_parsers(parser.add_subparsers(required=True))
    args = parser.parse_args(["anchor-coverage", *map(str, arguments)])
    return args.func(args)


def test_the_command(data, tmp_path, capsys):
    config = tiny.write_config(tmp_path, data)
    assert run(config, "--thresholds", "0.3", "--max-images", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == "size boxes mean best IoU above 0.3"
    sizes = ["all", "small", "medium", "large"]
    assert [line.split()[0] for line in lines[1:]] == sizes
    assert lines[-1].split() == ["large", "0", "-", "-"]


def test_for_programs():
    rows = [
        anchor_coverage.Covered("all", 3, 0.5, {0.5: 0.25, 0.7: 0.0}),
        anchor_coverage.Covered("large", 0, np.nan, {0.5: np.nan, 0.7: np.nan}),
    ]
    assert json.loads(anchor_coverage.as_json(rows)) == {
        "all": {"boxes": 3, "mean": 0.5, "shares": {"0.5": 0.25, "0.7": 0}},
        "large": {"boxes": 0, "mean": None, "shares": {"0.5": None, "0.7": None}},
    }


def test_refusals(data, tmp_path):
    config = tiny.config_for(tmp_path, data)
    with pytest.raises(ConfigError, match=r"has 1 entries.* number 1 is asked"):
        anchor_coverage.coverage_of(config, reader=1)
    with pytest.raises(UserError, match=r"1\.5 is none"):
        anchor_coverage.coverage_of(config, thresholds=[1.5])
    with pytest.raises(UserError, match="is 0; it must be at least 1"):
        anchor_coverage.coverage_of(config, max_images=0)
