"""Trains three steps on one device and on two logical CPUs: python FILE CONFIG FOLDER.

Batch norm is frozen: without synchronised statistics it sees other batches on replicas.
"""

import sys

import tensorflow as tf

from od_api import load_config
from od_api.train import train

config_path, folder = sys.argv[1:]
cpu = tf.config.list_physical_devices("CPU")[0]
logical = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [logical, logical])
overrides = ["model.ssd.freeze_batchnorm=true", "train_config.num_steps=3"]
config = load_config(config_path, overrides)
train(config, f"{folder}/one", evaluate_on_the_way=False)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
train(config, f"{folder}/two", strategy=strategy, evaluate_on_the_way=False)
