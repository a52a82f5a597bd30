"""Benchmark of an exported model: latency, throughput, memory, size, multiply-adds.

The study's procedure: images at the model's resolution, one at a time, postprocessing
included, averaged over 500. Nothing of TensorFlow's optimisations is switched on or
off; what the machine is and how busy it was stands beside the numbers.
"""

import functools
import pathlib
import statistics
import time

import numpy as np
import tensorflow as tf
from PIL import Image
from rich.console import Console
from rich.progress import track
from tensorflow.python.eager import wrap_function

from od_api.core.errors import UserError
from od_api.exporting import saved_models
from od_api.study.measure import flops, machine
from od_api.study.measure.memory import PeakMemory

# The outputs that a caller wants; the network's own, before anything is selected.
_FOUND = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
_RAW = ("raw_detection_boxes", "raw_detection_scores")
# Enough for a median of what is small beside the rest.
_POSTPROCESSING_IMAGES = 100
# Of a batch size, measured for so long at most, and in so many batches at least.
_THROUGHPUT_SECONDS = 20.0
_FEWEST_BATCHES = 3


def crop_to_square(image, side):
    """The study's timing image: uint8 [h, w, 3] -> [side, side, 3].

    The shorter side becomes `side`, and the middle is cut out.
    """
    height, width = image.shape[:2]
    ratio = side / min(height, width)
    size = (max(side, round(width * ratio)), max(side, round(height * ratio)))
    resized = np.asarray(Image.fromarray(image).resize(size, Image.BILINEAR))
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return resized[top : top + side, left : left + side]


def timing_images(images, side, count):
    """`count` squares [1, side, side, 3]; the images come again where they are few."""
    squares = [crop_to_square(image, side)[None] for image in images[:count]]
    return [squares[i % len(squares)] for i in range(count)]


class Benchmark:
    """One exported model.

    To be made in a process that has run no other model: the peak of memory is counted
    from here on.

    Args:
      saved_model: its directory.
      images: timing images, uint8 [1, side, side, 3] each.
      warm_up: how many images run first.

    Raises:
      UserError: no such model, or one that is no detector of uint8 images.
    """

    def __init__(self, saved_model, images, warm_up=10):
        self.directory = saved_models.saved_model_dir(saved_model)
        self._images, self._warm_up = images, warm_up
        self._memory = PeakMemory()
        self._model = saved_models.load(self.directory)
        self._run = self._signature("serving_default")
        self._argument = saved_models.image_argument(self._run).name
        # A model that fails, or finds no detections, is told from one that is slow.
        saved_models.run(self._run, images[0][0])
        for image in self._cycle(max(warm_up, 3)):
            _fetch(self._call(image))
        self._peak = self._memory.bytes()

    def memory(self):
        """{"peak_memory_bytes", "peak_memory_kind"} of inference, one image a time."""
        kind = self._memory.kind
        return {"peak_memory_bytes": self._peak, "peak_memory_kind": kind}

    def latency(self):
        """Milliseconds an image: of everything, and of what follows the network.

        Postprocessing is the median over the images of the time of the graph less that
        of the same graph cut off at the raw boxes and scores of all anchors, or of all
        proposals, run one after the other. (Choosing the proposals themselves is part
        of the network.) It is noise about zero where it takes next to nothing.
        """
        whole = [
            _seconds(lambda i=i: _fetch(self._call(i))) for i in self._told("timing")
        ]
        complete, network = self._cut_at(_FOUND), self._cut_at(_RAW)
        for image in self._cycle(self._warm_up):
            complete(image), network(image)
        rest = [
            _seconds(lambda i=i: complete(i)) - _seconds(lambda i=i: network(i))
            for i in self._told("timing postprocessing", _POSTPROCESSING_IMAGES)
        ]
        return {
            "images": len(whole),
            "warm_up": self._warm_up,
            **_summary(whole),
            "postprocessing_median_ms": round(1e3 * statistics.median(rest), 4),
            "postprocessing_images": len(rest),
        }

    def throughput(self, batch_sizes):
        """[{"batch_size", "images_per_second"}]."""
        return [
            {
                "batch_size": size,
                "images_per_second": round(self._images_per_second(size), 3),
            }
            for size in batch_sizes
        ]

    def median_with_proposals(self, count):
        """Median milliseconds an image with so many proposals."""
        run = self._signature("num_proposals", ["num_proposals"])
        count = tf.constant(count)
        for image in self._cycle(self._warm_up):
            _fetch(run(input_tensor=image, num_proposals=count))
        times = [
            _seconds(lambda i=i: _fetch(run(input_tensor=i, num_proposals=count)))
            for i in self._told(f"timing {int(count)} proposals")
        ]
        return _summary(times)["median_ms"]

    def counts(self):
        """{"parameters", "multiply_adds", "multiply_adds_by_operation", ...}."""
        function = flops.frozen(self._run)
        counted = flops.multiply_adds(function, self._images[0])
        files = (p for p in self.directory.rglob("*") if p.is_file())
        return {
            "parameters": flops.parameters(function),
            "multiply_adds": counted["multiply_adds"],
            "multiply_adds_by_operation": counted["by_operation"],
            "saved_model_bytes": sum(p.stat().st_size for p in files),
        }

    def _call(self, images):
        return self._run(**{self._argument: images})

    def _signature(self, name, settings=()):
        return saved_models.signature_of(self._model, self.directory, name, settings)

    def _cut_at(self, names):
        """The graph up to these outputs: image -> their values on the host."""
        function, outputs = self._run, sorted(self._run.structured_outputs)
        missing = [name for name in names if name not in outputs]
        if missing:
            raise UserError(f"{self.directory} has no output {missing[0]}")
        # Flat outputs are in the order of their names.
        wanted = [function.outputs[outputs.index(name)].name for name in names]
        cut = wrap_function.function_from_graph_def(
            self._inlined, [tensor.name for tensor in function.inputs], wanted
        )
        variables = function.captured_inputs
        return lambda image: [output.numpy() for output in cut(image, *variables)]

    def _images_per_second(self, size):
        batch = [self._images[i % len(self._images)] for i in range(size)]
        batch = tf.constant(np.concatenate(batch))
        _fetch(self._call(batch))
        times, started = [], time.perf_counter()
        while len(times) < _FEWEST_BATCHES or (
            len(times) * size < len(self._images)
            and time.perf_counter() - started < _THROUGHPUT_SECONDS
        ):
            times.append(_seconds(lambda: _fetch(self._call(batch))))
        return size / statistics.median(times)

    def _cycle(self, count):
        images = self._images
        return [tf.constant(images[i % len(images)]) for i in range(count)]

    @functools.cached_property
    def _inlined(self):
        """The graph in one piece, so that parts of it can be left out."""
        return flops.inlined(self._run)

    def _told(self, what, limit=None):
        """The images as tensors, with a bar; standard output is for the numbers."""
        tensors = [tf.constant(image) for image in self._images[:limit]]
        return track(tensors, what, transient=True, console=Console(stderr=True))


def benchmark(saved_model, images, *, side, num_images, warm_up, batch_sizes):
    """Everything about one model, for `od-api study benchmark`.

    Args:
      saved_model: its directory.
      images: uint8 arrays [h, w, 3].
      side: of the squares that they become, pixels.
      num_images: how many are timed.
      warm_up: how many run before.
      batch_sizes: of the throughput.

    Returns:
      A dict as in result.json.
    """
    squares = timing_images(images, side, num_images)
    measured = Benchmark(saved_model, squares, warm_up)
    load_before = machine.describe()
    result = {
        "saved_model": str(pathlib.Path(saved_model)),
        "resolution": side,
        **measured.memory(),
        "latency": measured.latency(),
        "throughput": measured.throughput(batch_sizes),
        **measured.counts(),
    }
    return {**result, "machine": load_before}


def _fetch(outputs):
    """Waits for the results and brings them to the host, as a caller would."""
    return [outputs[name].numpy() for name in _FOUND]


def _seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _summary(seconds):
    milliseconds = 1e3 * np.asarray(seconds)
    p90, p99 = np.percentile(milliseconds, [90, 99])
    return {
        "median_ms": round(float(np.median(milliseconds)), 4),
        "mean_ms": round(float(np.mean(milliseconds)), 4),
        "p90_ms": round(float(p90), 4),
        "p99_ms": round(float(p99), 4),
    }
