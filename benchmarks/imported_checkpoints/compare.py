"""Ours: imports what `write_old.py` wrote, and compares what both models find.

    python benchmarks/imported_checkpoints/compare.py FOLDER [--record JSON] [NAME ...]

Every file of a model (training checkpoint, exported checkpoint, SavedModel, frozen
graph) is imported by the code of `od-api import-checkpoint`, into a folder that goes
again. Boxes are compared in pixels, those of one class with each other.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf
from google.protobuf import text_format

from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.import_checkpoint import import_checkpoint
from od_api.protos import pipeline_pb2

SOURCES = {
    "training checkpoint": "training",
    "exported checkpoint": "exported/checkpoint",
    "SavedModel": "exported/saved_model",
    "frozen graph": "exported/frozen_inference_graph.pb",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--record", type=pathlib.Path)
    args = parser.parse_args()
    names = args.names or sorted(p.parent.name for p in args.folder.glob("*/found.npz"))
    rows = []
    for name in names:
        rows += compared(args.folder / name)
        if args.record:
            args.record.write_text(json.dumps(rows, indent=1) + "\n")


def compared(folder):
    """A row for each file of a model; the detector runs for the first alone."""
    rows, first = [], None
    old = np.load(folder / "found.npz")
    for title, place in SOURCES.items():
        source = folder / place
        if not source.exists():
            continue
        row = {"model": folder.name, "source": title}
        try:
            row |= imported(folder, source, old, first)
        except UserError as error:
            row["error"] = str(error)
        first = first or row.pop("weights", None)
        row.pop("weights", None)
        print(row, flush=True)
        rows.append(row)
    return rows


def imported(folder, source, old, first):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse((folder / "model.txt").read_text(), config.model)
    out = pathlib.Path(tempfile.mkdtemp()) / "imported"
    try:
        report = import_checkpoint(config, source, out)
        reader = tf.train.load_checkpoint(str(out / "ckpt-0"))
        keys = reader.get_variable_to_shape_map()
        weights = {key: reader.get_tensor(key) for key in keys}
        row = {
            "imported": len(report["imported"]),
            "new": len(report["new"]),
            "unused": report["unused"][:6],
            "set": report["set_in_the_config"],
            "weights": weights,
        }
        if first is not None:
            same = all(np.array_equal(first[key], weights[key]) for key in first)
            return row | {"same_weights_as_the_first": same}
        return row | differences(load_config(out / "pipeline.config"), out, old)
    finally:
        shutil.rmtree(out.parent)


def differences(config, checkpoint, old):
    """Largest differences of the found boxes from the old ones."""
    detector, restore = detector_for_inference(config)
    restore(str(checkpoint))
    images = tf.constant(old["images"], tf.float32)
    height, width = images.shape[1:3]
    shapes = tf.constant([[height, width]] * len(images), tf.int32)
    found = detector.detect(detector.call(images, shapes))
    size = np.float32([height, width, height, width])
    boxes, scores, masks = [], [], []
    for i in range(len(images)):
        count = int(old["num_detections"][i])
        pairs = paired(
            old["detection_boxes"][i, :count] * size,
            old["detection_classes"][i, :count],
            found.boxes[i].numpy(),
            found.classes[i].numpy(),
        )
        boxes += [distance for _, _, distance in pairs]
        scores += [
            abs(old["detection_scores"][i, a] - found.scores[i, b].numpy())
            for a, b, _ in pairs
        ]
        if "detection_masks" in old and found.masks is not None:
            masks += [
                np.abs(old["detection_masks"][i, a] - found.masks[i, b].numpy()).max()
                for a, b, _ in pairs
            ]
    sides = (old["detection_boxes"][..., 2:] - old["detection_boxes"][..., :2]) * size[
        :2
    ]
    row = {
        "detections": int(old["num_detections"].sum()),
        "ours": int(found.count.numpy().sum()),
        "largest_box_difference_px": float(np.max(boxes)),
        "largest_score_difference": float(np.max(scores)),
        "largest_score": float(old["detection_scores"].max()),
        "median_box_side_px": float(np.median(sides)),
    }
    return row | ({"largest_mask_difference": float(np.max(masks))} if masks else {})


def paired(old_boxes, old_classes, boxes, classes):
    """[(old row, our row, largest difference of a side)]: the nearest of its class."""
    pairs = []
    for a, (box, kind) in enumerate(zip(old_boxes, old_classes, strict=True)):
        distance = np.abs(boxes - box).max(-1)
        distance[classes != kind] = np.inf
        b = int(distance.argmin())
        pairs.append((a, b, distance[b]))
    return pairs


if __name__ == "__main__":
    main()
