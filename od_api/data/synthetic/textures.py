"""Backgrounds and fills of synthetic scenes: gradients, stripes, noise and blobs.

Every function takes a numpy `Generator` and nothing else that is random. Pictures are
[3, height, width] here: numpy is several times faster with the long axis last.
"""

import numpy as np
from PIL import Image

# Grain sizes of noise and blobs in pixels: film grain, gravel, clouds, stains.
_SCALES = (2, 6, 16, 48, 110)


def background(rng, height, width, amplitude):
    """A gradient between two colours under one to three layers of texture.

    Args:
      rng: numpy random generator.
      height: in pixels.
      width: in pixels.
      amplitude: typical departure of the texture from the gradient, in grey levels.

    Returns:
      [3, height, width] float32, about 0..255 (not clipped).
    """
    first = colour(rng)
    # Close to the first, so that no background has all colours in it.
    second = np.clip(first + rng.normal(0, 35, 3), 0, 255)
    picture = np.empty((3, height, width), np.float32)
    picture[:] = _planes((first + second) / 2)
    picture += _planes((second - first) / 2) * _gradient(rng, height, width)
    for _ in range(rng.integers(1, 4)):
        tint = rng.normal(0, 1, 3)
        tint *= amplitude / np.abs(tint).max()
        picture += _planes(tint) * _layer(rng, height, width)
    return picture


def fill(rng, height, width, base, amplitude):
    """A surface of mostly one colour: [3, height, width] float32, about 0..255."""
    if rng.random() < 0.3:
        layer = np.zeros((height, width), np.float32)
    else:
        layer = amplitude * _layer(rng, height, width)
    return _planes(base) + layer


def colour(rng):
    """A random colour, [3] 0..255."""
    return rng.uniform(0, 255, 3)


def contrasting_colour(rng, other, distance):
    """A random colour at least `distance` (Euclidean, 0..441) away from `other`.

    Where ten attempts give none, the farthest of them.
    """
    candidates = rng.uniform(0, 255, (10, 3))
    distances = np.linalg.norm(candidates - other, axis=1)
    far = np.flatnonzero(distances >= distance)
    return candidates[far[0] if far.size else distances.argmax()]


def _planes(values):
    """[3] -> [3, 1, 1] float32."""
    return np.asarray(values, np.float32)[:, None, None]


def _layer(rng, height, width):
    """One kind of texture by chance, [height, width] within about -1..1."""
    kinds = (_gradient, _stripes, _noise, _blobs)
    return kinds[rng.integers(len(kinds))](rng, height, width)


def _gradient(rng, height, width):
    return _ramp(rng, height, width, np.hypot(height, width) / 2)


def _stripes(rng, height, width):
    period = rng.uniform(6, 60)
    wave = np.sin(2 * np.pi * (_ramp(rng, height, width, period) + rng.random()))
    # From soft waves to hard edges.
    return np.clip(wave * rng.uniform(1, 6), -1, 1)


def _noise(rng, height, width):
    return _smooth_noise(rng, height, width, rng.choice(_SCALES)) / 2


def _blobs(rng, height, width):
    noise = _smooth_noise(rng, height, width, rng.choice(_SCALES[2:]))
    return np.clip((noise - 0.5) * rng.uniform(2, 8), -1, 1)


def _ramp(rng, height, width, unit):
    """Rises by 1 over `unit` pixels in a random direction; 0 in the middle."""
    angle = rng.uniform(0, 2 * np.pi)
    y = (np.arange(height) - height / 2) * (np.sin(angle) / unit)
    x = (np.arange(width) - width / 2) * (np.cos(angle) / unit)
    return (y[:, None] + x).astype(np.float32)


def _smooth_noise(rng, height, width, scale):
    """Normal noise with a grain of `scale` pixels, [height, width]."""
    # One cell more on each side than is used: resizing repeats the border.
    shape = (-(-height // scale) + 2, -(-width // scale) + 2)
    coarse = Image.fromarray(rng.standard_normal(shape, np.float32))
    window = (1, 1, 1 + width / scale, 1 + height / scale)
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC, window))
