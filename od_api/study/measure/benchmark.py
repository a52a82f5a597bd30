"""Benchmark of an exported model: latency, throughput, memory, size, multiply-adds.

The study's procedure: images at the model's resolution, one at a time, postprocessing
included, averaged over 500. Nothing of TensorFlow's optimisations is switched on or
off; what the machine is and how busy it was stands beside the numbers.
"""

import functools
import statistics

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track
from tensorflow.python.eager import wrap_function

from od_api.core.errors import UserError
from od_api.engines.artefacts import SAVED_MODEL
from od_api.exporting import saved_models
from od_api.study.measure import flops
from od_api.study.measure.memory import PeakMemory
from od_api.study.measure.timings import (
    images_per_second,
    seconds_of,
    summary,
)

# The outputs that a caller wants; the network's own, before anything is selected.
_FOUND = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
_RAW = ("raw_detection_boxes", "raw_detection_scores")
# Enough for a median of what is small beside the rest.
_POSTPROCESSING_IMAGES = 100


class Benchmark:
    """One exported model.

    To be made in a process that has run no other model: the peak of memory is counted
    from here on.

    Args:
      saved_model: its directory.
      images: timing images, uint8 [1, side, side, 3] each.
      warm_up: how many images run first.

    Attributes:
      engine: its format.
      form: what it gives: detections.

    Raises:
      UserError: no such model, or one that is no detector of uint8 images.
    """

    engine = SAVED_MODEL
    form = "detections"

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

    def process_memory(self):
        """Bytes at the peak of the process, its libraries among them."""
        return self._memory.of_process()

    def seconds(self, index):
        """Of one image, its results on the host."""
        image = tf.constant(self._images[index % len(self._images)])
        return seconds_of(lambda: _fetch(self._call(image)))

    def latency(self):
        """Milliseconds an image: of everything, and of what follows the network.

        Postprocessing is the median over the images of the time of the graph less that
        of the same graph cut off at the raw boxes and scores of all anchors, or of all
        proposals, run one after the other. (Choosing the proposals themselves is part
        of the network.) It is noise about zero where it takes next to nothing.
        """
        whole = [
            seconds_of(lambda i=i: _fetch(self._call(i))) for i in self._told("timing")
        ]
        complete, network = self._cut_at(_FOUND), self._cut_at(_RAW)
        for image in self._cycle(self._warm_up):
            complete(image), network(image)
        rest = [
            seconds_of(lambda i=i: complete(i)) - seconds_of(lambda i=i: network(i))
            for i in self._told("timing postprocessing", _POSTPROCESSING_IMAGES)
        ]
        return {
            "images": len(whole),
            "warm_up": self._warm_up,
            **summary(whole),
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
            seconds_of(lambda i=i: _fetch(run(input_tensor=i, num_proposals=count)))
            for i in self._told(f"timing {int(count)} proposals")
        ]
        return summary(times)["median_ms"]

    def counts(self):
        """{"parameters", "multiply_adds", "multiply_adds_by_operation", ...}."""
        function = flops.frozen(self._run)
        counted = flops.multiply_adds(function, self._images[0])
        return {
            "parameters": flops.parameters(function),
            "multiply_adds": counted["multiply_adds"],
            "multiply_adds_by_operation": counted["by_operation"],
            "saved_model_bytes": self.size(),
        }

    def size(self):
        """Bytes on disk."""
        files = (p for p in self.directory.rglob("*") if p.is_file())
        return sum(p.stat().st_size for p in files)

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
        most = len(self._images)
        return images_per_second(lambda: _fetch(self._call(batch)), size, most)

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


def _fetch(outputs):
    """Waits for the results and brings them to the host, as a caller would."""
    return [outputs[name].numpy() for name in _FOUND]
