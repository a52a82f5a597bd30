"""Data sets of a few small images in the layouts that people have, for tests of init.

`SIX` are six images of two classes, each an image of noise with two boxes.
"""

import json

from data_set_kit import picture

WIDTH, HEIGHT = 80, 60
NAMES = ["cat", "dog"]
SIX = {f"p{i}": [(0, 8, 6, 40, 30), (i % 2, 30, 20, 24, 30)] for i in range(6)}


def write_images(folder, images, seed=0):
    """A JPEG of noise for each name, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(images):
        (folder / f"{name}.jpg").write_bytes(picture(WIDTH, HEIGHT, seed + i))


def write_coco(path, images, prefix=""):
    """A COCO file; `prefix` stands before each file_name."""
    entries, annotations = [], []
    for number, (name, boxes) in enumerate(images.items(), 1):
        entries.append(
            {
                "id": number,
                "file_name": f"{prefix}{name}.jpg",
                "width": WIDTH,
                "height": HEIGHT,
            }
        )
        for index, *box in boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": index + 1,
                    "bbox": box,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": n} for i, n in enumerate(NAMES, 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {"images": entries, "annotations": annotations, "categories": categories}
        )
    )


def write_voc(folder, images):
    """An XML file for each image."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, boxes in images.items():
        objects = "".join(
            f"<object><name>{NAMES[i]}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
            f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            for i, x, y, w, h in boxes
        )
        (folder / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>{WIDTH}</width>"
            f"<height>{HEIGHT}</height><depth>3</depth></size>{objects}</annotation>"
        )


def write_yolo(folder, images):
    """A label file for each image."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, boxes in images.items():
        lines = [
            f"{i} {(x + w / 2) / WIDTH} {(y + h / 2) / HEIGHT} {w / WIDTH} {h / HEIGHT}"
            for i, x, y, w, h in boxes
        ]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def parts_of(images, **counts):
    """{part: its images}: the first `train=4`, then the next ones."""
    names, found = list(images), {}
    for part, count in counts.items():
        found[part] = {name: images[name] for name in names[:count]}
        names = names[count:]
    return found
