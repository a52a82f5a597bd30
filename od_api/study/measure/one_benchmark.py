"""Everything about one exported model, for `od-api benchmark`."""

import pathlib

from od_api.study.measure import machine
from od_api.study.measure.timed_artefact import measured
from od_api.study.measure.timings import timing_images


def benchmark(path, images, *, side, num_images, warm_up, batch_sizes, threads=None):
    """Measures one model.

    Args:
      path: of an export, of any format.
      images: uint8 arrays [h, w, 3].
      side: of the squares that they become, pixels.
      num_images: how many are timed.
      warm_up: how many run before.
      batch_sizes: of the throughput.
      threads: of one call; None: as many as there are cores.

    Returns:
      A dict as in result.json.
    """
    squares = timing_images(images, side, num_images)
    model = measured(path, squares, warm_up, threads)
    load_before = machine.describe()
    result = {
        "model": str(pathlib.Path(path)),
        "engine": model.engine,
        "form": model.form,
        "resolution": side,
        **model.memory(),
        "latency": model.latency(),
        "throughput": model.throughput(batch_sizes),
        **model.counts(),
    }
    return {**result, "machine": load_before}
