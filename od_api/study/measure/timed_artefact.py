"""Time and memory of a model for another engine, which needs no TensorFlow."""

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import RAW_OUTPUT, artefact_at
from od_api.study.measure.memory import ResidentMemory
from od_api.study.measure.timings import images_per_second, seconds_of, summary


def measured(path, images, warm_up=10, threads=None):
    """What measures an exported model of any format: a Benchmark or TimedArtefact.

    To be made in a process that has run no other model: the peak of memory is counted
    from here on.

    Args:
      path: of the export.
      images: timing images, uint8 [1, side, side, 3] each.
      warm_up: how many images run first.
      threads: of one call; None: as many as there are cores.

    Raises:
      UserError: no such model, or one that is no detector of uint8 images.
    """
    artefact = artefact_at(path)
    if artefact is not None:
        return TimedArtefact(artefact, images, warm_up, threads)
    from od_api.study.measure.benchmark import Benchmark
    from od_api.system.threads import limit_threads

    limit_threads(threads)
    return Benchmark(path, images, warm_up)


class TimedArtefact:
    """A model of one file, as `measured` makes it; the methods are a Benchmark's.

    Attributes:
      engine: its format.
      form: "detections", or "raw" where it has the heads alone.
    """

    def __init__(self, artefact, images, warm_up=10, threads=None):
        self.engine, self._file = artefact.engine, artefact.file
        self._images, self._warm_up = images, warm_up
        self._memory = ResidentMemory()
        self._model = artefact.load(threads, is_raw=True)
        for i in range(max(warm_up, 3)):
            found = self._model(images[i % len(images)])
        self.form = "raw" if RAW_OUTPUT in found else "detections"
        if self.form != "raw" and "num_detections" not in found:
            raise UserError(
                f"{printable(self._file)} gives no detections, as od-api export "
                "--form detections writes them: there is nothing to measure"
            )
        self._peak = self._memory.bytes()

    def memory(self):
        """As of a Benchmark."""
        kind = self._memory.kind
        return {"peak_memory_bytes": self._peak, "peak_memory_kind": kind}

    def process_memory(self):
        """Bytes at the peak of the process, its libraries among them."""
        return self._memory.of_process()

    def seconds(self, index):
        """Of one image, its results on the host."""
        image = self._images[index % len(self._images)]
        return seconds_of(lambda: self._model(image))

    def latency(self):
        """Milliseconds an image, everything included."""
        times = [self.seconds(i) for i in range(len(self._images))]
        return {"images": len(times), "warm_up": self._warm_up, **summary(times)}

    def throughput(self, batch_sizes):
        """As of a Benchmark."""
        rows = []
        for size in batch_sizes:
            batch = [self._images[i % len(self._images)] for i in range(size)]
            batch = np.concatenate(batch)
            rate = images_per_second(
                lambda batch=batch: self._model(batch), size, len(self._images)
            )
            rows.append({"batch_size": size, "images_per_second": round(rate, 3)})
        return rows

    def size(self):
        """Bytes on disk."""
        beside = self._file.parent.glob(f"{self._file.stem}.*")
        return sum(p.stat().st_size for p in beside)

    def counts(self):
        """{"model_bytes"}: layers are counted in SavedModels alone."""
        return {"model_bytes": self.size()}
