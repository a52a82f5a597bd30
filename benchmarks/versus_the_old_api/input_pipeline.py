"""Training batches from TFRecords: flip, SSD random crop, resize to 300 x 300, pad.

Each round makes a new iterator and lets it come to its speed first, so that nothing is
counted that was prepared while the other side was measured. Shuffling and the number
of threads are those that each side chooses itself.
"""

import gc

from timing import times

BATCH = 32
_WARM_UP_BATCHES = 15
# Counted together: a batch of its own says little where batches come in bursts.
_GROUP = 10


def ours(settings):
    from od_api import load_config
    from od_api.core.registry import build_field
    from od_api.data.inputs import TrainingInput

    config = load_config(settings["config"])
    detector = build_field(config, "model")
    data = TrainingInput(config).training_dataset(detector, 0)
    yield from _measured(data, lambda batch: (batch["image"], batch["boxes"]), settings)


def old(settings):
    import old_api

    config = old_api.load_config(settings["config"])
    from object_detection import inputs
    from object_detection.builders import model_builder

    data = inputs.train_input(
        config.train_config,
        config.train_input_reader,
        config.model,
        model=model_builder.build(config.model, is_training=True),
    ).repeat()
    yield from _measured(
        data, lambda batch: (batch[0]["image"], batch[1]["groundtruth_boxes"]), settings
    )


def _measured(data, pick, settings):
    images, boxes = pick(next(iter(data)))
    yield {"images": list(images.shape), "boxes": list(boxes.shape)}
    while True:
        taken = _round(data, pick, settings["seconds"])
        # Or the iterator would go on preparing batches while the other side runs.
        gc.collect()
        yield {"seconds": taken}


def _round(data, pick, seconds):
    """[seconds an image] of groups of batches."""
    batches = iter(data)
    for _ in range(_WARM_UP_BATCHES):
        next(batches)
    taken = times(lambda: _take(batches, pick), seconds)
    return [t / (_GROUP * BATCH) for t in taken]


def _take(batches, pick):
    for _ in range(_GROUP):
        pick(next(batches))
