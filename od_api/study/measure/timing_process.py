"""The process that times one exported model beside others, started by `side_by_side`.

    python -m od_api.study.measure.timing_process MODEL IMAGES.npy WARM_UP THREADS

THREADS 0: as many as there are cores. On the file descriptor that the environment
variable OD_API_TIMING names, lines of JSON: {"error"}, or {"engine", "form",
"peak_memory_bytes", "peak_memory_kind", "process_peak_bytes", "model_bytes"}; and then,
for each line with a number on standard input, the seconds of that image. It ends with
its standard input.
"""

import json
import os
import sys

import numpy as np

from od_api.core.errors import UserError
from od_api.study.measure.timed_artefact import measured


def main(arguments):
    """Returns 0, or 1 where the model cannot be measured."""
    path, images, warm_up, threads = arguments
    answers = os.fdopen(int(os.environ["OD_API_TIMING"]), "w", buffering=1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")

    try:
        squares = [image[None] for image in np.load(images)]
        model = measured(path, squares, int(warm_up), int(threads) or None)
    except (UserError, OSError) as error:
        answer({"error": str(error)})
        return 1
    memory = {**model.memory(), "process_peak_bytes": model.process_memory()}
    kind = {"engine": model.engine, "form": model.form}
    answer({**kind, **memory, "model_bytes": model.size()})
    for line in sys.stdin:
        answer(model.seconds(int(line)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
