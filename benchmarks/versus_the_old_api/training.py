"""Training steps on one batch that is in memory: forward, backward, update.

The input pipeline is measured apart. Both sides get the same images and boxes, padded
to 100 of them as pipelines do; the old API normalises images in its pipeline and ours
in the network, which is here part of the step. With `bfloat16` ours compute in it, the
weights stay float32 (`train_config.precision`).
"""

import tempfile

import numpy as np
from timing import times

CLASSES = 90
_BOXES, _PADDED = 8, 100
_WARM_UP = 3


def ours(settings):
    import tensorflow as tf

    from od_api import load_config
    from od_api.training.state import TrainingState

    images, boxes, classes = _batch(settings)
    size, side = images.shape[:2]
    real = np.broadcast_to(np.arange(_PADDED) < _BOXES, (size, _PADDED))
    batch = {
        "image": tf.constant(images),
        "true_shape": tf.constant([[side, side]] * size, tf.int32),
        "boxes": tf.constant(boxes * side),
        "classes": tf.constant(classes),
        "weights": tf.constant(real.astype(np.float32)),
        "valid": tf.constant(real),
    }
    with tempfile.TemporaryDirectory() as folder:
        precision = "MIXED_BFLOAT16" if settings["bfloat16"] else "FLOAT32"
        overrides = [f"train_config.precision={precision}"]
        config = load_config(settings["config"], overrides)
        state = TrainingState(config, folder, tf.distribute.get_strategy())
    yield from _measured(
        lambda: float(state.take_step(batch)["total_loss"]), settings, size
    )


def old(settings):
    import old_api
    import tensorflow as tf

    config = old_api.load_config(settings["config"])
    from object_detection import model_lib_v2
    from object_detection.builders import model_builder, optimizer_builder

    train_config = config.train_config
    tf.keras.backend.set_learning_phase(True)
    model = model_builder.build(config.model, is_training=True)
    counter = tf.Variable(0, trainable=False, dtype=tf.int64)
    optimizer, _ = optimizer_builder.build(train_config.optimizer, global_step=counter)
    images, boxes, classes = _batch(settings)
    size, side = images.shape[:2]
    features = {
        "image": model.preprocess(tf.constant(images))[0],
        "true_image_shape": tf.constant([[side, side, 3]] * size, tf.int32),
        "hash": tf.range(size),
    }
    real = np.broadcast_to(np.arange(_PADDED) < _BOXES, (size, _PADDED))
    one_hot = np.eye(CLASSES, dtype=np.float32)[classes] * real[..., None]
    labels = {
        "num_groundtruth_boxes": tf.constant([_BOXES] * size),
        "groundtruth_boxes": tf.constant(boxes),
        "groundtruth_classes": tf.constant(one_hot),
        "groundtruth_weights": tf.constant(real.astype(np.float32)),
    }
    clip = train_config.gradient_clipping_by_norm or None

    @tf.function
    def take_step():
        losses = model_lib_v2.eager_train_step(
            model,
            features,
            labels,
            train_config.unpad_groundtruth_tensors,
            optimizer,
            training_step=counter,
            add_regularization_loss=train_config.add_regularization_loss,
            clip_gradients_value=clip,
        )
        counter.assign_add(1)
        return losses

    yield from _measured(lambda: float(take_step()["Loss/total_loss"]), settings, size)


def _measured(step, settings, size):
    losses = [step() for _ in range(_WARM_UP)]
    yield {"losses": [round(loss, 3) for loss in losses]}
    while True:
        yield {"seconds": [t / size for t in times(step, settings["seconds"])]}


def _batch(settings):
    """images [B, S, S, 3] in 0..255, boxes [B, 100, 4] in parts, classes [B, 100]."""
    size, side = settings["batch_size"], settings["side"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (size, side, side, 3)).astype(np.float32)
    low = rng.uniform(0, 0.6, (size, _BOXES, 2))
    extent = rng.uniform(0.05, 0.4, (size, _BOXES, 2))
    boxes = np.zeros((size, _PADDED, 4), np.float32)
    boxes[:, :_BOXES] = np.concatenate([low, low + extent], axis=-1)
    classes = np.zeros((size, _PADDED), np.int32)
    classes[:, :_BOXES] = rng.integers(0, CLASSES, (size, _BOXES))
    return images, boxes, classes
