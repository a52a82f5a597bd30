"""A model of images of any size, made faster for those that keep coming."""

# So many calls in a row with images of one shape are worth compiling for it.
PATIENCE = 3


class ShapedModel:
    """A compiled model that is compiled anew, for one shape, when it keeps coming.

    An engine that knows all sizes plans memory and kernels beforehand: OpenVINO runs a
    small detector up to twice as fast so. One compiled model is kept at a time. Each
    return to the one of all shapes doubles the calls that it takes, and so does each
    shape that there is none for: a folder of mixed sizes is compiled for a few times.

    Args:
      compiled: of a shape, or of None for all, gives what is called with images; None:
        there is nothing for that shape alone.

    Attributes:
      shape: that it is compiled for; None: all.
      model: what `compiled` gave for it.
    """

    def __init__(self, compiled):
        self._compiled = compiled
        self._last, self._row, self._patience = None, 0, PATIENCE
        self.shape, self.model = None, compiled(None)

    def __call__(self, images):
        """What the model gives for images, an array."""
        self._row = self._row + 1 if images.shape == self._last else 1
        self._last = images.shape
        if self.shape not in (None, images.shape):
            self._patience *= 2
            self._compile(None)
        if self.shape is None and self._row == self._patience:
            self._compile(images.shape)
        return self.model(images)

    def prepare(self, shape):
        """Compiles for images of a shape now, however many have come."""
        if self.shape != tuple(shape):
            self._compile(tuple(shape))

    def _compile(self, shape):
        self.model = None  # its memory is free before the other's is needed
        self.shape, self.model = shape, self._compiled(shape)
        if self.model is None:
            self._patience *= 2
            self._compile(None)
