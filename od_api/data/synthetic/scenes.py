"""Drawing one synthetic scene: shapes over each other on a textured background."""

import dataclasses

import numpy as np

from od_api.data.synthetic import drawn_shapes, textures

CLASS_NAMES = tuple(drawn_shapes.OUTLINES)

# Bounds of COCO's small, medium and large in square pixels. The lowest is the smallest
# shape that still shows its class; the highest is half the width of a 320 px scene.
_AREAS = ((14**2, 32**2), (32**2, 96**2), (96**2, 160**2))
# New place and size are tried this often before an object is given up.
_ATTEMPTS = 12


@dataclasses.dataclass(frozen=True)
class Difficulty:
    """What makes scenes hard.

    Attributes:
      max_objects: a scene has between 1 and this many objects.
      size_shares: shares of small, medium and large objects by COCO's areas, before
        occlusion and where the scene has room.
      max_hidden: largest share of an object that others or the border may hide.
      contrast: least distance (RGB, 0..441) from the colour under the object.
      background: texture amplitude in grey levels.
      surface: texture amplitude on objects in grey levels.
      stretch: objects are up to this factor wider or taller than their model.
      noise: standard deviation of the pixel noise in grey levels.
      turn: objects are turned by up to this angle in radians.
    """

    max_objects: int
    size_shares: tuple[float, float, float]
    max_hidden: float
    contrast: float
    background: float
    surface: float
    stretch: float
    noise: float
    turn: float = 2 * np.pi


DIFFICULTIES = {
    "easy": Difficulty(4, (0.1, 0.5, 0.4), 0.15, 130, 15, 12, 1.0, 2, turn=0.25),
    "normal": Difficulty(8, (0.25, 0.45, 0.3), 0.4, 90, 30, 25, 1.15, 4),
    "hard": Difficulty(8, (0.4, 0.4, 0.2), 0.6, 45, 45, 40, 1.4, 10),
}


@dataclasses.dataclass
class SceneObject:
    """One object of a scene.

    Attributes:
      class_id: 1-based, an index into `CLASS_NAMES` plus 1.
      mask: [height, width] bool, its visible pixels.
      full_area: its pixels before occlusion, those outside of the image included.
    """

    class_id: int
    mask: np.ndarray
    full_area: int


def make_scene(rng, image_size, options):
    """One scene: ([3, height, width] uint8, list of `SceneObject`)."""
    height, width = image_size
    canvas = textures.background(rng, height, width, options.background)
    owner = np.full((height, width), -1, np.int16)
    class_ids, full, visible = [], [], []
    for _ in range(rng.integers(1, options.max_objects + 1)):
        for _ in range(_ATTEMPTS):
            class_id = int(rng.integers(len(CLASS_NAMES))) + 1
            alpha, window, patch = _place(rng, class_id, image_size, options)
            inside = alpha[patch] >= 0.5
            area = int((alpha >= 0.5).sum())
            counts = np.bincount(owner[window][inside] + 1, minlength=len(full) + 1)
            remaining = np.append(np.subtract(visible, counts[1:]), inside.sum())
            needed = np.append(full, area) * (1 - options.max_hidden)
            if np.all(remaining >= np.maximum(needed, 1)):
                _paint(rng, canvas[(slice(None), *window)], alpha[patch], options)
                owner[window][inside] = len(full)
                class_ids.append(class_id)
                full.append(area)
                visible = remaining.tolist()
                break
    canvas += rng.standard_normal((height, width), np.float32) * options.noise
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    things = zip(class_ids, full, strict=True)
    return picture, [SceneObject(c, owner == i, f) for i, (c, f) in enumerate(things)]


def _place(rng, class_id, image_size, options):
    """A shape somewhere: its coverage, its window in the image and in the coverage."""
    low, high = _AREAS[rng.choice(3, p=options.size_shares)]
    # Half the short side at most, so that small scenes hold more than one object.
    limit = (0.5 * min(image_size)) ** 2
    area = min(np.exp(rng.uniform(np.log(low), np.log(high))), limit)
    corners = drawn_shapes.outline(
        CLASS_NAMES[class_id - 1],
        area=area,
        angle=rng.uniform(0, options.turn),
        stretch=options.stretch ** rng.uniform(-1, 1),
    )
    alpha = drawn_shapes.rasterise(corners)
    size = alpha.shape[0]
    # The patch may leave the image by a tenth of its size: objects cut by the border.
    margin = size // 10
    window, patch = [], []
    for extent in image_size:
        most = max(extent - size + margin, -margin)
        start = int(rng.integers(-margin, most + 1))
        window.append(slice(max(start, 0), min(start + size, extent)))
        patch.append(slice(window[-1].start - start, window[-1].stop - start))
    return alpha, tuple(window), tuple(patch)


def _paint(rng, canvas, alpha, options):
    """Blends a filled shape, perhaps with an outline, into its window of the canvas."""
    height, width = alpha.shape
    under = canvas[:, alpha >= 0.5].mean(axis=1)
    base = textures.contrasting_colour(rng, under, options.contrast)
    surface = textures.fill(rng, height, width, base, options.surface)
    if rng.random() < 0.4:
        edge = alpha - _shrink(alpha, max(1, min(height, width) // 30))
        line = textures.contrasting_colour(rng, base, options.contrast)
        line = line.astype(np.float32)[:, None, None]
        surface += (line - surface) * np.clip(edge, 0, 1)
    canvas += (surface - canvas) * alpha


def _shrink(alpha, pixels):
    """The coverage of the shape without its outermost `pixels` pixels."""
    for _ in range(pixels):
        padded = np.pad(alpha, 1, mode="edge")
        rows = np.minimum(padded[:-2, 1:-1], padded[2:, 1:-1])
        columns = np.minimum(padded[1:-1, :-2], padded[1:-1, 2:])
        alpha = np.minimum(alpha, np.minimum(rows, columns))
    return alpha
