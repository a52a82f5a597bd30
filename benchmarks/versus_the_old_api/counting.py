"""Multiply-adds of one image in an exported network of ours."""

import json
import pathlib

import numpy as np


def ours(settings):
    import tensorflow as tf

    from od_api.study.measure import flops

    folder = pathlib.Path(settings["folder"])
    loaded = tf.saved_model.load(str(folder / "ours" / "export" / "saved_model"))
    function = flops.frozen(loaded.signatures["serving_default"])
    image = np.zeros([1, settings["side"], settings["side"], 3], np.uint8)
    counted = flops.multiply_adds(function, image)
    yield {"multiply_adds": counted["multiply_adds"]}
    (folder / "multiply_adds.json").write_text(json.dumps(counted))
    yield {}
