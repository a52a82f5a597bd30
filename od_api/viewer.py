"""Looks at a data set, or at what a run finds in it, in a browser."""

import pathlib

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.convert import example_of
from od_api.data.record_source import RecordSource
from od_api.init.initialise import Wishes, find_parts
from od_api.init.part_names import TRAIN, VAL, WHOLE
from od_api.pictures.decoding import MAX_PIXELS
from od_api.viewing.view_server import HOST, ViewApp, serving
from od_api.viewing.viewed_paths import (
    ViewedPath,
    config_in,
    record_files,
    viewed_path,
)
from od_api.viewing.viewed_pictures import MIN_SCORE, viewed_pictures


def view_server(path, *, port=0, min_score=MIN_SCORE, **named):
    """Reads a data set, and listens for a browser on this machine.

    Args:
      path: a pipeline.config, the folder of a run, TFRecords, or a data set of COCO,
        Pascal VOC or YOLO as `od-api init` finds them.
      port: to listen on; 0 for any that is free.
      min_score: detections below are left out.
      **named: label_map, detections, split and overrides of `viewed_path`.

    Returns:
      (the server, whose `serve_forever()` answers and `shutdown()` ends; its URL).

    Raises:
      UserError: there is nothing to look at, or the port is taken.
    """
    seen = data_set(path, **named) if _is_data_set(path) else viewed_path(path, **named)
    pictures, unread = viewed_pictures(
        seen.paths, seen.label_map, seen.detections, min_score
    )
    found = seen.detections is not None
    app = ViewApp(printable(seen.title), pictures, unread, seen.label_map, found)
    server = serving(app, port)
    return server, f"http://{HOST}:{server.port}/"


def _is_data_set(path):
    """Whether nothing but annotations can be meant."""
    path = pathlib.Path(path)
    if path.is_dir():
        return not config_in(path) and not record_files(path)
    return path.suffix.lower() in (".json", ".yaml", ".yml")


def data_set(path, *, label_map=None, detections=None, split="val", overrides=()):
    """The ViewedPath of images with annotations, which are read as they are."""
    if label_map or overrides:
        option = "--label-map" if label_map else "--set"
        raise UserError(
            f"{option} is for records or configs, and {printable(path)} is a data set"
        )
    found = find_parts(path, Wishes())
    order = (TRAIN, WHOLE) if split == "train" else (VAL, WHOLE, TRAIN)
    part = next(p for p in order if p in found.parts)
    images = found.parts[part]

    def make(index):
        example = example_of(images[index], MAX_PIXELS)
        return example.SerializeToString(deterministic=True)

    source = RecordSource(str(path), len(images), make)
    title = str(path) if part == WHOLE else f"{path} ({part})"
    return ViewedPath(title, [source], found.label_map, detections)
