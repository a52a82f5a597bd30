"""Any number of images for a model that takes batches of some sizes alone."""

import numpy as np

from od_api.core.errors import UserError


def in_batches(images, image_shape, batch_sizes, run):
    """{output name: array} of images, which go through a model batch by batch.

    Args:
      images: uint8 [B, h, w, 3], B at least 1.
      image_shape: (None, h, w, 3) of the only images that the model takes.
      batch_sizes: that it takes, ascending; where the images are fewer, the last one
        fills the batch up.
      run: (batch size, images of such a batch) -> {output name: array}.

    Raises:
      UserError: the images are of another size.
    """
    images = np.asarray(images)
    if images.shape[1:] != tuple(image_shape[1:]):
        height, width, _ = image_shape[1:]
        raise UserError(
            f"the model takes images of {height}x{width} pixels alone (height x "
            f"width), not of shape {images.shape}: resize them, or export it with "
            "another --image-size"
        )
    parts, done = [], 0
    while done < len(images):
        size = _size_for(len(images) - done, batch_sizes)
        batch = images[done : done + size]
        missing = size - len(batch)
        filled = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        found = run(size, filled)
        parts.append({n: np.asarray(v)[: len(batch)] for n, v in found.items()})
        done += len(batch)
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _size_for(left, batch_sizes):
    """The largest batch that is full; the smallest one where none is."""
    full = [size for size in batch_sizes if size <= left]
    return full[-1] if full else batch_sizes[0]
