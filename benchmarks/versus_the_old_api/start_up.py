"""From the start of Python to the end of the first training step, in a fresh process.

Through the functions that the commands call, with everything that they do before:
imports, the config, a look at the data, the network, tracing. The old API's loop takes
100 steps at a time unless it is told one, as here; the packages that it imports and
does not need are replaced by empty ones, which flatters it by a few seconds.
"""

import tempfile
import time
from unittest import mock


def ours(settings):
    yield {}
    from od_api import load_config
    from od_api.train import train
    from od_api.training.step import TrainingStep

    ended = []
    take_step = TrainingStep.__call__

    def noted(self, batch):
        losses = take_step(self, batch)
        float(losses["total_loss"])
        ended.append(time.time())
        return losses

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(TrainingStep, "__call__", noted),
    ):
        config = load_config(settings["config"])
        train(config, folder, num_steps=1, evaluate_on_the_way=False)
    yield {"seconds": [ended[0] - settings["spawned"]]}


def old(settings):
    yield {}
    import old_api  # noqa: F401
    from object_detection import model_lib_v2

    with tempfile.TemporaryDirectory() as folder:
        # After its last step it does nothing but close its log.
        model_lib_v2.train_loop(
            settings["config"], folder, train_steps=1, num_steps_per_iteration=1
        )
        ended = time.time()
    yield {"seconds": [ended - settings["spawned"]]}
