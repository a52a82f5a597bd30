"""The files that the command lines of the docs speak of, small."""

import json
import shutil

import data_set_kit
import labelled_folders
import tensorflow as tf
import tiny
import tiny_schemes
from labelled_folders import SIX

from od_api.data import records
from od_api.data.detection_fields import put_detections
from od_api.data.label_map import LabelMap
from od_api.data.sharded_writer import ShardedWriter

CONFIG = """base: "{}"
train_config {{ num_steps: 1 batch_size: 2 }}
eval_config {{ batch_size: 2 num_visualizations: 1 }}
"""


def make_records(folder):
    """data/, val.record, train.record, photos/ and the two configs."""
    data = tiny.make_data(folder, num_images=4)
    (scenes,) = data.glob("scenes.record-*")
    for name in ("data/train", "train", "val"):
        shutil.copy(scenes, folder / f"{name}.record-00000-of-00001")
    above = tiny.write_config(folder, data).rename(folder / "tiny.config")
    for name in ("my", "pipeline"):
        (folder / f"{name}.config").write_text(CONFIG.format(above))
    chips = tiny_schemes.CHIPS.replace("INDEX", f"{folder}/index.npz")
    text = CONFIG.format(above) + f"train_input_reader {{ {chips} }}"
    (folder / "chips.config").write_text(text)
    features = data_set_kit.read(data / "scenes.record")
    (folder / "photos").mkdir()
    for number, record in enumerate(features):
        path = folder / "photos" / f"{number}.{record['image/format'][0].decode()}"
        path.write_bytes(record["image/encoded"][0])
    return features


def make_detections(folder, features):
    """annotations.json; found.json, a.json, b.json, found.record: each object found."""
    label_map = LabelMap.load(folder / "data" / "label_map.pbtxt")
    names = [record["image/source_id"][0].decode() for record in features]
    images = [{"id": n, "width": 128, "height": 128} for n in names]
    rows = []
    for name, record in zip(names, features, strict=True):
        classes = record["image/object/class/label"]
        boxes = (data_set_kit.boxes(record) * 128).tolist()
        for class_id, (top, left, low, right) in zip(classes, boxes, strict=True):
            box = [left, top, right - left, low - top]
            rows.append({"image_id": name, "category_id": class_id, "bbox": box})
    truth = {
        "images": images,
        "categories": label_map.to_coco_categories(),
        "annotations": [{"id": i, "iscrowd": 0, **r} for i, r in enumerate(rows, 1)],
    }
    found = json.dumps([{**row, "score": 0.9} for row in rows])
    (folder / "annotations.json").write_text(json.dumps(truth))
    shutil.copy(folder / "annotations.json", folder / "instances_val.json")
    for name in ("found", "a", "b"):
        (folder / f"{name}.json").write_text(found)

    with ShardedWriter(str(folder / "found.record")) as writer:
        (path,) = (folder / "data").glob("scenes.record-*")
        for record, features_of in zip(records.read(path), features, strict=True):
            example = tf.train.Example.FromString(record)
            classes = features_of["image/object/class/label"]
            boxes = data_set_kit.boxes(features_of)
            put_detections(example, boxes, classes, [0.9] * len(classes))
            writer.write(example)
    (found,) = folder.glob("found.record-*")
    found.rename(folder / "found.record")


def make_coco(folder):
    labelled_folders.write_images(folder / "photos", SIX)
    labelled_folders.write_coco(folder / "train.json", SIX)


def make_voc(folder):
    year = folder / "VOC2012"
    labelled_folders.write_images(year / "JPEGImages", SIX)
    labelled_folders.write_voc(year / "Annotations", SIX)
    (year / "ImageSets" / "Main").mkdir(parents=True)
    (year / "ImageSets" / "Main" / "train.txt").write_text("\n".join(SIX))


def make_yolo(folder):
    labelled_folders.write_images(folder / "images", SIX)
    labelled_folders.write_yolo(folder / "labels", SIX)
    (folder / "data.yaml").write_text("names: [cat, dog]\n")


def make_kitti(folder):
    (folder / "image_2").mkdir(parents=True)
    (folder / "label_2").mkdir()
    (folder / "image_2" / "0.png").write_bytes(data_set_kit.picture(80, 60, kind="PNG"))
    text = "Car 0.00 0 -1.57 20.00 10.00 60.00 40.00 1.5 1.6 3.7 -2.1 1.8 20.0 0.3\n"
    (folder / "label_2" / "0.txt").write_text(text)


def make_openimages(folder):
    labelled_folders.write_images(folder / "images", SIX)
    heading = "ImageID,LabelName,XMin,XMax,YMin,YMax\n"
    (folder / "boxes.csv").write_text(f"{heading}p0,/m/cat,0.1,0.5,0.1,0.5\n")
    (folder / "labels.csv").write_text("ImageID,LabelName,Confidence\np1,/m/cat,0\n")
    (folder / "class-descriptions-boxable.csv").write_text("/m/cat,Cat\n")


def make_pets(folder):
    notes = folder / "annotations"
    labelled_folders.write_images(folder / "images", {"Birman_1": []})
    labelled_folders.write_voc(notes / "xmls", {"Birman_1": SIX["p0"]})
    (notes / "trainval.txt").write_text("Birman_1 1 1 1\n")


CONVERTED = {
    "coco": make_coco,
    "voc": make_voc,
    "yolo": make_yolo,
    "kitti": make_kitti,
    "openimages": make_openimages,
    "pets": make_pets,
}
