"""What a number was measured on."""

import os
import platform

from od_api.system.processor import cores, cpu_name


def describe():
    """{"cpu", "cores", "gpu", "threads", "versions", "load_average"}.

    `cores` are those that this process may use; `threads` what TensorFlow was told, 0
    where it chooses itself (then there are as many as cores); `load_average` is that
    of the last minute, 5 and 15 minutes, at the time of the call.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "gpu": details[0].get("device_name") if details else None,
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
        "system": platform.platform(),
        "versions": _versions(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _versions():
    import importlib.metadata

    names = ("tensorflow", "keras", "numpy", "od-api")
    versions = {"python": platform.python_version()}
    for name in names:
        versions[name.replace("-", "_")] = importlib.metadata.version(name)
    return versions
