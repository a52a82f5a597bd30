"""Opens what detections are measured on, where no config names it."""

import pathlib

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.label_map import LabelMap
from od_api.evaluation.coco_truth import CocoTruth
from od_api.evaluation.records_truth import RecordsTruth
from od_api.init.data_kinds import COCO, Files, kind_of
from od_api.viewer import data_set
from od_api.viewing.viewed_paths import label_map_beside, record_files

_YAML = (".yaml", ".yml")


def opened_truth(path, label_map=None):
    """CocoTruth or RecordsTruth of a path.

    Args:
      path: a COCO annotation file; TFRecords (a file, a pattern or a folder); the
        folder of a VOC or YOLO data set, or its data.yaml, of which the part to
        evaluate on counts where it has parts.
      label_map: path, of all but COCO: by its ids detections call classes. By default
        the label_map.pbtxt beside records, and else ids 1, 2, ... as `od-api init`
        gives them.

    Raises:
      UserError: there is nothing of that kind.
    """
    file = pathlib.Path(path)
    is_yaml = file.suffix.lower() in _YAML
    is_records = ".record" in file.name or ".tfrecord" in file.name
    if file.is_file() and not (is_yaml or is_records):
        if label_map:
            raise UserError(
                f"--label-map: {printable(path)} has its own ids of classes"
            )
        return CocoTruth(path)
    known = LabelMap.load(label_map) if label_map else None
    if is_yaml or (file.is_dir() and not record_files(file)):
        return _of_folder(file, known)
    paths = record_files(file)
    return RecordsTruth(path, paths, known or LabelMap.load(label_map_beside(paths[0])))


def _of_folder(path, label_map):
    files = Files(path)
    if kind_of(files) == COCO:
        raise UserError(
            f"{printable(path)} has COCO annotations: name the file itself, whose ids "
            f"of images and classes detections have ({printable(files.coco()[0])})"
        )
    found = data_set(path)
    return RecordsTruth(path, found.paths, label_map or found.label_map)
