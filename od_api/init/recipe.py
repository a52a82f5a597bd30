"""How long, how fast and in what batches a detector is trained, by the data's size.

The numbers are those that served on a few hundred to a few thousand images; a config
that init writes says each of them, to be changed.
"""

import math
from typing import NamedTuple

# Images that training sees: of 200 different ones this many, and more of more.
_SEEN, _OF, _GROWTH = 24_000, 200, 0.6
_FEWEST_STEPS, _MOST_STEPS = 300, 300_000
# Evaluations in a training, but not more than one an epoch.
_EVALUATIONS = 10
# Without a better one among so many, training stops.
PATIENCE = 5
# A short training, whose batch norm must hurry.
SHORT = 10_000


class Kind(NamedTuple):
    """What detectors of a kind have in common.

    Attributes:
      batch: images of a step, where memory allows it.
      rate: the highest learning rate, of that batch.
      power: the rate grows with this power of the batch.
      optimizer: "momentum" or "adam".
    """

    batch: int
    rate: float
    power: float
    optimizer: str


KINDS = {
    "ssd": Kind(16, 0.02, 1.0, "momentum"),
    "retinanet": Kind(16, 0.001, 0.5, "adam"),
    "two stages": Kind(4, 0.0005, 0.5, "adam"),
}


class Recipe(NamedTuple):
    """The numbers of a training.

    Attributes:
      batch_size, num_steps, warmup_steps, evaluate_every: as in the config.
      rate: the highest learning rate; warm-up begins at a tenth of it.
      optimizer: "momentum" or "adam".
      average_decay: of the moving average of the weights.
      batch_norm_decay: of the averages of batch norm that is trained.
    """

    batch_size: int
    num_steps: int
    warmup_steps: int
    evaluate_every: int
    rate: float
    optimizer: str
    average_decay: float
    batch_norm_decay: float


def kind_of_detector(model):
    """ "ssd", "retinanet" (focal loss) or "two stages", of a detector's message."""
    if model.DESCRIPTOR.name != "Ssd":
        return "two stages"
    loss = model.loss.classification_loss.WhichOneof("classification_loss")
    return "retinanet" if loss == "weighted_sigmoid_focal" else "ssd"


def batch_for(kind, images):
    """The batch to try first, of so many images to train on."""
    return max(min(KINDS[kind].batch, images // 2), 1)


def recipe(kind, images, batch_size, num_steps=None):
    """The Recipe for a kind of detector, images to train on and a batch.

    Args:
      num_steps: steps, where the user has said it.
    """
    like = KINDS[kind]
    steps = num_steps or _steps(images, batch_size)
    epoch = math.ceil(images / batch_size)
    return Recipe(
        batch_size=batch_size,
        num_steps=steps,
        # A cosine needs one step more.
        warmup_steps=min(max(steps // 15, 1), 1000, steps - 1),
        evaluate_every=min(max(_rounded(steps / _EVALUATIONS), epoch), steps),
        rate=_two_digits(like.rate * (batch_size / like.batch) ** like.power),
        optimizer=like.optimizer,
        average_decay=min(max(round(1.0 - 3.0 / steps, 5), 0.9), 0.9999),
        # Averages that have not caught up with the weights spoil what is evaluated.
        batch_norm_decay=min(max(round(1.0 - 12.0 / steps, 3), 0.9), 0.97),
    )


def _steps(images, batch_size):
    seen = _SEEN * (images / _OF) ** _GROWTH
    steps = math.ceil(seen / batch_size / 100) * 100
    return min(max(steps, _FEWEST_STEPS), _MOST_STEPS)


def _rounded(number):
    """A number of steps that is easily read: two digits."""
    if number < 100:
        return round(number)
    unit = 10 ** (len(str(int(number))) - 2)
    return round(number / unit) * unit


def _two_digits(number):
    return float(f"{number:.2g}")
