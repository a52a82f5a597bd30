"""The old API's learning-rate schedules.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import tensorflow.compat.v1 as tf
from object_detection.builders import optimizer_builder
from object_detection.protos import optimizer_pb2
from old_geometry import parse

SCHEDULES = {
    "constant": "constant_learning_rate { learning_rate: 0.03 }",
    "exponential": "exponential_decay_learning_rate { initial_learning_rate: 0.1 "
    "decay_steps: 100 decay_factor: 0.9 }",
    "exponential_smooth": "exponential_decay_learning_rate { staircase: false "
    "initial_learning_rate: 0.1 decay_steps: 100 decay_factor: 0.9 }",
    "exponential_burnin": "exponential_decay_learning_rate { decay_steps: 100 "
    "initial_learning_rate: 0.1 decay_factor: 0.5 burnin_learning_rate: 0.01 "
    "burnin_steps: 50 min_learning_rate: 0.02 }",
    "manual": "manual_step_learning_rate { initial_learning_rate: 0.1 "
    "schedule { step: 100 learning_rate: 0.03 } "
    "schedule { step: 250 learning_rate: 0.002 } }",
    "manual_warmup": "manual_step_learning_rate { initial_learning_rate: 0.01 "
    "schedule { step: 100 learning_rate: 0.1 } "
    "schedule { step: 250 learning_rate: 0.002 } warmup: true }",
    "cosine": "cosine_decay_learning_rate { learning_rate_base: 0.08 "
    "total_steps: 300 warmup_learning_rate: 0.01 warmup_steps: 50 }",
    "cosine_hold": "cosine_decay_learning_rate { learning_rate_base: 0.08 "
    "total_steps: 300 warmup_learning_rate: 0.01 warmup_steps: 50 "
    "hold_base_rate_steps: 40 }",
    "cosine_no_warmup": "cosine_decay_learning_rate { learning_rate_base: 0.08 "
    "total_steps: 300 warmup_steps: 0 }",
}
STEPS = (0, 1, 25, 49, 50, 51, 89, 90, 91, 99, 100, 101, 150, 199, 200, 249, 250, 251)
STEPS += (299, 300, 301, 400)


def learning_rates():
    cases = {}
    for name, text in SCHEDULES.items():
        config = parse(text, optimizer_pb2.LearningRate())
        step = tf.Variable(0, dtype=tf.int64)
        rate = optimizer_builder._create_learning_rate(config, global_step=step)
        values = []
        for number in STEPS:
            step.assign(number)
            values.append(float(rate() if callable(rate) else rate))
        cases[name] = {"config": text, "steps": STEPS, "rates": values}
    return cases
