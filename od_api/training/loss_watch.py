"""When the loss says that training has failed for good: infinite, or ever growing."""

import math

from od_api.checkpoints.finite_weights import CAUSES, TrainingDiverged
from od_api.core.printable import printable

# A single bad batch may give a loss thousands of times the usual one; a run that comes
# back from a loss ten thousand times its best within so many steps has not been seen.
_FAR = 1e4
_PATIENCE = 20
# Nothing comes back from here: float32 ends at 3e38, and a square takes it there.
_TOO_FAR = 1e12


class LossWatch:
    """Looks at the loss of every step, and says when training has diverged.

    That is so when the total loss is not finite; when it is more than 1e12 times the
    lowest one seen so far (or 1, if that is less); and when it is more than 1e4 times
    of that in 20 steps running.
    """

    def __init__(self):
        self._lowest = math.inf
        self._far = 0

    def look(self, finished):
        """Call with every FinishedStep, in order.

        Raises:
          TrainingDiverged: as above; the message names term and images.
        """
        loss = finished.losses["total_loss"]
        if not math.isfinite(loss):
            raise self._diverged(finished, f"{_not_finite(finished)} is not finite")
        self._lowest = min(self._lowest, loss)
        growth = loss / max(self._lowest, 1.0)
        self._far = self._far + 1 if growth > _FAR else 0
        if growth > _TOO_FAR or self._far >= _PATIENCE:
            raise self._diverged(
                finished,
                f"the loss grows without end: total_loss is {loss:.3g}, and was "
                f"{self._lowest:.3g}",
            )

    def _diverged(self, finished, what):
        names = printable(", ".join(finished.source_ids()))
        return TrainingDiverged(
            f"at step {finished.step} {what}; the images of the batch: {names}. "
            f"{CAUSES}"
        )


def _not_finite(finished):
    terms = [
        name
        for name, value in finished.losses.items()
        if not math.isfinite(value) and name != "total_loss"
    ]
    return " and ".join(terms) or "total_loss"
