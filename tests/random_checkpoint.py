"""A checkpoint with batch-norm statistics that matter, without training."""

import numpy as np
import tensorflow as tf

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.core import variables


def write(config, folder, *, averages=False):
    """Saves `ckpt-3` of random weights, slots and (others) averages; returns its path.

    Batch norms get means, variances, scales and offsets far from 0 and 1.
    """
    detector, _ = detector_for_inference(config)
    model = variables.named_variables(detector.parts)
    checkpoints = Checkpoints(
        folder,
        step=tf.Variable(3, dtype=tf.int64),
        model=_values(model, seed=1),
        optimizer={"momentum/backbone/kernel": tf.Variable(tf.ones([7]))},
        ema=_values(model, seed=2) if averages else None,
    )
    return checkpoints.save()


def _values(model, seed):
    rng = np.random.default_rng(seed)
    return {n: tf.Variable(_value(n, v, rng), dtype=v.dtype) for n, v in model.items()}


def _value(name, variable, rng):
    shape = variable.shape
    if name.endswith(("variance", "gamma")):
        return rng.uniform(0.5, 1.5, shape)
    if name.endswith("bias") and variable.dtype.is_floating:
        return rng.normal(0.0, 0.1, shape)
    if name.endswith(("beta", "mean")):
        return rng.uniform(-0.5, 0.5, shape)
    if name.endswith("kernel"):
        fan_in = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
        return rng.normal(0.0, 1.0, shape) / np.sqrt(fan_in)
    return variable.numpy()
