"""Trains steps of several detectors in one cluster: python FILE STEPS FOLDER CONFIG...

What a config trains is in a folder of its name.
"""

import pathlib
import sys

from od_api.config.loading import load_config
from od_api.protos import train_pb2
from od_api.train import train
from od_api.training.strategies import serve, strategy_for
from od_api.training.tf_config import read_cluster


def main(steps, folder, *paths):
    cluster = read_cluster()
    if not cluster.is_chief:
        serve(cluster)
    strategy = strategy_for(train_pb2.TrainConfig(), cluster=cluster)
    for path in paths:
        train(
            load_config(path),
            pathlib.Path(folder) / pathlib.Path(path).stem,
            num_steps=int(steps),
            strategy=strategy,
            cluster=cluster,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
