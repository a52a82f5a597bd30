"""Size and speed of detectors on this machine, measured once and kept."""

import hashlib
import importlib.metadata
import json
import math
import os
import pathlib
import statistics
import time
from typing import NamedTuple

from od_api.core import variables
from od_api.init.detector_choices import input_size, model_of
from od_api.system.processor import cores, cpu_name

# The image's size in its file: that of most of COCO's.
_IMAGE = (480, 640)
_WARM_UP, _TIMES = 3, 10


class Measured(NamedTuple):
    """What was measured of a detector with random weights.

    Attributes:
      parameters: of its weights, batch norm's averages included.
      milliseconds: the median of an image of 640x480 that has its input's size
        already, with suppression; of as many cores as the process may use.
    """

    parameters: int
    milliseconds: float


def kept_path():
    """Where measurements are kept: below $XDG_CACHE_HOME, or ~/.cache."""
    folder = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(folder) / "od_api" / "measured_detectors.json"


def kept(choices):
    """{name: Measured} of those that were measured on this machine, as they are now."""
    found = _read()
    names = {choice.name: _key(choice) for choice in choices}
    return {n: Measured(*found[key]) for n, key in names.items() if key in found}


def measure(choices, say=print):
    """Measures what was not yet, and keeps each at once.

    Args:
      choices: Choices of detectors.
      say: called with what goes on.

    Returns:
      {name: Measured} of all.
    """
    known = kept(choices)
    for number, choice in enumerate(choices, 1):
        if choice.name in known:
            continue
        say(f"measuring {choice.name} ({number}/{len(choices)})")
        known[choice.name] = measured(choice.config())
        _keep(choice, known[choice.name])
    return known


def measured(config):
    """The Measured of a TrainEvalPipelineConfig."""
    import tensorflow as tf

    from od_api.checkpoints.restored_detector import detector_for_inference
    from od_api.exporting.serving import outputs_of

    detector, _ = detector_for_inference(config)
    height, width = input_size(model_of(config), _IMAGE)
    image = 255 * tf.random.stateless_uniform([1, height, width, 3], (1, 2))
    shapes = tf.constant([[height, width]])
    if detector.resizer.output_shape:
        rows, columns = detector.resizer.output_shape
        image = tf.image.pad_to_bounding_box(image, 0, 0, rows, columns)

    @tf.function(autograph=False)
    def detect(image):
        return outputs_of(detector, image, shapes)["detection_scores"]

    times = []
    for _ in range(_WARM_UP + _TIMES):
        start = time.perf_counter()
        detect(image).numpy()
        times.append(1e3 * (time.perf_counter() - start))
    numbers = variables.named_variables(detector.parts).values()
    parameters = sum(math.prod(v.shape) for v in numbers)
    return Measured(parameters, round(statistics.median(times[_WARM_UP:]), 1))


def _key(choice):
    """What a measurement is of: a detector, and a machine with its cores."""
    text = choice.config().model.SerializeToString(deterministic=True)
    digest = hashlib.sha256(text).hexdigest()[:12]
    return f"{choice.name} {digest} on {_machine()}"


def _machine():
    version = importlib.metadata.version("tensorflow")
    return f"{cores()} cores of {cpu_name()}, TensorFlow {version}"


def _read():
    try:
        return json.loads(kept_path().read_text("utf-8"))
    except (OSError, ValueError):  # none yet, or one that was not written whole
        return {}


def _keep(choice, found):
    """Adds one; where nothing can be written, it is measured anew the next time."""
    path = kept_path()
    part = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(_read() | {_key(choice): found}, indent=1), "utf-8")
        os.replace(part, path)
    except OSError:
        return
