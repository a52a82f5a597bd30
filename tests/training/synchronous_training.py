"""Ten steps on one device and on two logical CPUs: python FILE SYNC PLAIN FOLDER.

With the config SYNC the checkpoints are left in FOLDER/one and FOLDER/two. With PLAIN,
whose batch norm is not synchronised, each replica's moving averages are printed as
"name: largest difference between the replicas / largest move".
"""

import sys

import numpy as np
import tensorflow as tf

from od_api import load_config
from od_api.core.variables import named_variables
from od_api.data.inputs import TrainingInput
from od_api.train import train
from od_api.training.state import TrainingState


def main(together, drifting, folder):
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [logical, logical])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    config = load_config(together)
    train(config, f"{folder}/one", evaluate_on_the_way=False)
    train(config, f"{folder}/two", strategy=strategy, evaluate_on_the_way=False)
    print_differences(load_config(drifting), folder, strategy)


def print_differences(config, folder, strategy):
    """Two steps; the averages start at 0 and 1."""
    state = TrainingState(config, f"{folder}/drifting", strategy)
    data = TrainingInput(config).training_dataset(state.detector, 0).take(2)
    for batch in strategy.experimental_distribute_dataset(data):
        state.take_step(batch)
    for name, variable in named_variables(state.detector.parts).items():
        if "moving" in name:
            start = 1.0 if name.endswith("variance") else 0.0
            copies = strategy.experimental_local_results(variable)
            first, second = (copy.numpy() for copy in copies)
            apart, moved = np.abs(first - second).max(), np.abs(first - start).max()
            print(f"{name}: {apart:.3g} / {moved:.3g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
