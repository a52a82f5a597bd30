"""What a number was measured on: there, and possible."""

import json
import os

import tensorflow as tf

from od_api.study.measure.machine import describe


def test_it_says_what_this_machine_is():
    found = json.loads(json.dumps(describe()))
    assert 1 <= found["cores"] <= os.cpu_count()
    assert found["cpu"] and found["system"]
    assert found["versions"]["tensorflow"] == tf.__version__
    assert len(found["load_average"]) == 3
    assert (found["gpu"] is None) == (not tf.config.list_physical_devices("GPU"))
