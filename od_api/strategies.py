"""Which devices train together."""

import tensorflow as tf

from od_api.core.errors import UserError


def strategy_for(use_tpu=False, tpu_name=None, num_workers=1):
    """The distribution strategy that the command line asks for.

    Args:
      use_tpu: train on a TPU.
      tpu_name: its name; None finds the local one.
      num_workers: machines that train in step.

    Returns:
      MirroredStrategy over several GPUs, else the default strategy of one device.

    Raises:
      UserError: TPUs and several machines are asked for; they come with the
        distributed training of a later version.
    """
    if use_tpu or num_workers > 1:
        wanted = f"--use_tpu (tpu_name {tpu_name})" if use_tpu else "--num_workers > 1"
        raise UserError(
            f"{wanted} is not available in this version: it trains on one machine, "
            "on its CPU or on all of its GPUs"
        )
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()
