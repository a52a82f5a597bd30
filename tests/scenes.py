"""Label maps and random evaluations for the metric tests."""

import numpy as np


class Classes:
    """A label map: names by 1-based id, gaps allowed."""

    def __init__(self, names):
        self._names = dict(names)
        self.ids = sorted(self._names)

    def name(self, class_id):
        return self._names[class_id]


CATS_AND_DOGS = Classes({1: "cat", 2: "dog"})
NOTHING = np.zeros((0, 4), np.float32)


def truth(boxes, classes=None, **flags):
    classes = [0] * len(boxes) if classes is None else classes
    return {"boxes": boxes, "classes": classes, **flags}


def found(boxes, scores, classes=None):
    classes = [0] * len(boxes) if classes is None else classes
    return {"boxes": boxes, "scores": scores, "classes": classes}


def random_images(seed, *, images=12, classes=3, most_found=30):
    """[(image id, groundtruth, detections)], with crowds, difficult objects, duplicate
    and missed detections, images without objects and images without detections."""
    rng = np.random.default_rng(seed)
    for i in range(images):
        objects = int(rng.integers(0, 8)) if i % 4 else 0
        boxes = _boxes(rng, objects)
        kinds = rng.integers(0, classes, objects)
        number = int(rng.integers(1, most_found)) if i % 5 else 0
        if objects and number:
            origin = rng.integers(0, objects, number)
            guesses = boxes[origin] + rng.normal(0, 6, (number, 4))
            right = rng.random(number) < 0.8
            guessed = np.where(right, kinds[origin], rng.integers(0, classes, number))
        else:
            guesses, guessed = _boxes(rng, number), rng.integers(0, classes, number)
        guesses = np.concatenate(
            [np.minimum(guesses[:, :2], guesses[:, 2:]), guesses[:, 2:]], axis=1
        )
        scores = np.round(rng.random(number), 2)
        yield (
            int(7 * i + 1),
            {
                "boxes": boxes.astype(np.float32),
                "classes": kinds,
                "is_crowd": rng.random(objects) < 0.15,
                "difficult": rng.random(objects) < 0.2,
                "area": np.where(rng.random(objects) < 0.5, 900.0, 0.0),
            },
            found(guesses.astype(np.float32), scores.astype(np.float32), guessed),
        )


def _boxes(rng, n):
    corner = rng.uniform(0, 200, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(8, 160, (n, 2))], axis=1)
