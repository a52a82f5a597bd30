"""Small data sets for the tests of converters and validator."""

import glob
import io

import numpy as np
import tensorflow as tf
from PIL import Image


def read(prefix):
    """Features {key: list} of every record of `<prefix>-*`, in order."""
    paths = sorted(glob.glob(f"{prefix}-*"))
    assert paths, f"nothing was written to {prefix}"
    return [
        {
            key: list(getattr(feature, feature.WhichOneof("kind")).value)
            for key, feature in tf.train.Example.FromString(r).features.feature.items()
            if feature.WhichOneof("kind")
        }
        for r in tf.data.TFRecordDataset(paths).as_numpy_iterator()
    ]


def boxes(features):
    """[n, 4] ymin, xmin, ymax, xmax of a record."""
    edges = ("ymin", "xmin", "ymax", "xmax")
    columns = [features.get(f"image/object/bbox/{edge}", []) for edge in edges]
    return np.array(columns).T


def picture(width, height, seed=0, kind="JPEG", **settings):
    """An encoded image of noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **settings)
    return buffer.getvalue()


def gray_picture(width, height, seed=0):
    """An encoded image of noise without colours."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
