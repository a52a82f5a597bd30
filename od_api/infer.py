"""Inference over TFRecords: records in, the same records with detections out.

As the old API's infer_detections did it: image/detection/{bbox/*,label,score} are added
to what each record has (data/detection_fields.py), in the order of the records, in one
file, which appears when it is complete.
"""

import pathlib

import numpy as np
import tensorflow as tf
from absl import logging
from google.protobuf.message import DecodeError

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.detection_fields import put_detections
from od_api.inference.finders import finder
from od_api.pictures import decoding
from od_api.system.leftovers import workspace
from od_api.system.terminal import tracked

_IMAGE = "image/encoded"


def infer(model_dir, paths, output, *, discard_image_pixels=False):
    """Writes the records with what a model finds in their images.

    Args:
      model_dir: a SavedModel, as `detect` takes it; or the directory of a training run,
        whose newest checkpoint is taken.
      paths: TFRecords of tf.Examples, as `records.expand` takes them.
      output: path of the file to write.
      discard_image_pixels: leaves image/encoded out of what is written.

    Returns:
      (number of records, number of detections).

    Raises:
      UserError: no model, or a record that cannot be read; nothing is written then.
    """
    paths, output = records.expand(paths), pathlib.Path(output)
    _check_output(output, paths)
    find, found = finder(model_dir).find, 0
    total = records.count(paths)
    if not total:
        raise UserError(f"there is no record in {printable(paths[0])}")
    with workspace(output) as folder:
        temporary = folder / output.name
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for example, where in tracked(_examples(paths), "inferring", total):
                found += _add(example, find, where)
                if discard_image_pixels:
                    del example.features.feature[_IMAGE]
                writer.write(example.SerializeToString())
        temporary.replace(output)
    logging.info("%d detections in %d records: %s", found, total, printable(output))
    return total, found


def _check_output(output, paths):
    if output.is_dir():
        raise UserError(f"{printable(output)} is a folder: name a file in it")
    if output.resolve() in {pathlib.Path(path).resolve() for path in paths}:
        raise UserError(
            f"{printable(output)} is one of the records that are read: choose another "
            "--output"
        )


def _examples(paths):
    """Yields (tf.train.Example, its name in messages)."""
    for path in paths:
        for index, record in enumerate(records.read(path)):
            where = f"{printable(path)} record {index}"
            try:
                yield tf.train.Example.FromString(record), where
            except DecodeError as error:
                raise UserError(f"{where}: is not a tf.Example") from error


def _add(example, find, where):
    """Adds the detections of an Example's image; returns their number."""
    encoded = example.features.feature[_IMAGE].bytes_list.value
    if not encoded or not encoded[0]:
        raise UserError(f"{where}: has no image ({_IMAGE})")
    try:
        header = decoding.look(encoded[0])
        decoding.check_pixels(header.width, header.height, "its image")
        [outputs] = find(decoding.decode(encoded[0])[None])
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    boxes, classes = outputs["detection_boxes"], outputs["detection_classes"]
    scores = outputs["detection_scores"]
    # What is not a number is no detection.
    known = np.isfinite(boxes).all(axis=1) & np.isfinite(classes) & np.isfinite(scores)
    put_detections(example, boxes[known], classes[known], scores[known])
    return int(known.sum())
