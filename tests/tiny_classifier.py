"""A classifier and images of one colour a class, small enough for a test."""

import io

import numpy as np
import tensorflow as tf
import tiny
from PIL import Image

from od_api.config.loading import load_config

NAMES = ["red", "green", "blue"]
BACKBONE = """mobilenet_v1 {
  depth_multiplier: 0.25
  conv_hyperparams { batch_norm { decay: 0.9 } }
}"""
MODEL = f"""
model {{
  classifier {{
    num_classes: 3
    image_resizer {{ fixed_shape_resizer {{ height: 64 width: 64 }} }}
    backbone {{ {BACKBONE} }}
  }}
}}
"""


def record(classes, seed=0, **features):
    """A serialized tf.Example: noise in the colours of some classes, by their texts."""
    pixels = np.random.default_rng(seed).integers(0, 120, (40, 56, 3), np.uint8)
    for name in classes:
        pixels[..., NAMES.index(name)] += 120
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    features = {
        "image/encoded": [file.getvalue()],
        "image/source_id": [f"{seed}.png".encode()],
        "image/class/text": [name.encode() for name in classes],
        **{name.replace("__", "/"): values for name, values in features.items()},
    }
    return tf.train.Example(
        features=tf.train.Features(
            feature={key: _feature(x) for key, x in features.items() if x}
        )
    ).SerializeToString()


def _feature(values):
    if values and isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def write(folder, records):
    """Records and their label map, as `tiny.CONFIG` names them; returns the folder."""
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "scenes.record-00000-of-00001")) as writer:
        for one in records:
            writer.write(one)
    items = [f"item {{ id: {i} name: '{n}' }}\n" for i, n in enumerate(NAMES, 1)]
    (folder / "label_map.pbtxt").write_text("".join(items))
    return folder


def make_data(folder, count=12):
    """Images of one class each."""
    return write(folder, [record([NAMES[i % 3]], seed=i) for i in range(count)])


def config_for(folder, data, *overrides, model=MODEL):
    """The tiny config of a classifier for `data`, loaded, with overrides."""
    text = tiny.CONFIG[tiny.CONFIG.index("train_config") :]
    path = folder / "classifier.config"
    path.write_text(model + text.replace("DATA", str(data)))
    return load_config(path, overrides)
