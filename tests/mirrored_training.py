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
config = load_config(config_path, ["train_config.num_steps=3"])
model = getattr(config.model, config.model.WhichOneof("model"))
# Without batch norm a network as deep as two hourglasses diverges at the tests' rate.
if config.model.HasField("keypoints"):
    config.train_config.gradient_clipping_by_norm = 0.1
if hasattr(model, "freeze_batchnorm"):
    model.freeze_batchnorm = True
else:
    parts = config.model.faster_rcnn.feature_extractor
    parts.batch_norm_trainable = False
    backbone = parts.backbone.WhichOneof("backbone_oneof")
    getattr(parts.backbone, backbone).freeze_batch_norm = True
train(config, f"{folder}/one", evaluate_on_the_way=False)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
train(config, f"{folder}/two", strategy=strategy, evaluate_on_the_way=False)
