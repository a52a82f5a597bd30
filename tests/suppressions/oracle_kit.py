"""Every suppression beside the same in NumPy loops (`oracle`), and under XLA."""

import numpy as np
import tensorflow as tf

FLOOR = 0.1
LIMIT = 12


def check_against(want, part, draw_columns=None):
    """Crowded and odd sets in one list, in batches and in classes, in every form.

    Args:
      want: callable (boxes, scores, *columns, score_threshold=, limit=) -> record with
        rows, scores and boxes, in NumPy.
      part: the suppression.
      draw_columns: callable (rng, shape) -> {name: [*shape, n]}, in the order in which
        `want` takes them.
    """
    draw_columns = draw_columns or (lambda rng, shape: {})
    sets = [_three_images(draw_columns), _ninety_classes(draw_columns)]
    forms = {id(form): form for form in (part, part.static())}.values()
    for form in forms:
        for boxes, scores, columns in sets:
            _compare(traced(form)(boxes, scores, columns), want, boxes, scores, columns)
        _check_nothing(form, draw_columns)
    native = traced(part)(*sets[0])
    compiled = traced(part.static(), jit_compile=True)(*sets[0])
    real = native.scores.numpy() > -np.inf
    np.testing.assert_array_equal(compiled.rows, native.rows)
    np.testing.assert_allclose(compiled.scores, native.scores, rtol=1e-4)
    np.testing.assert_allclose(compiled.boxes[real], native.boxes[real], rtol=1e-4)


def traced(part, limit=LIMIT, floor=FLOOR, jit_compile=None):
    """A function (boxes, scores, columns) in NumPy -> Kept."""

    @tf.function(jit_compile=jit_compile)
    def suppress(boxes, scores, columns):
        return part.suppress(boxes, scores, columns, limit, floor)

    return lambda *inputs: suppress(*tf.nest.map_structure(tf.constant, inputs))


def drawn(rng, *shape, count):
    """Crowded boxes [*shape, count, 4] of 8 to 16 px, and scores, no two alike."""
    low = rng.uniform(0, 28, (*shape, count, 2))
    size = rng.uniform(8, 16, (*shape, count, 2))
    boxes = np.concatenate([low, low + size], axis=-1).astype(np.float32)
    return boxes, _scores(rng, *shape, count=count)


def _scores(rng, *shape, count):
    """[*shape, count] from .05 to .95, in any order."""
    values = np.broadcast_to(np.linspace(0.05, 0.95, count), (*shape, count))
    return rng.permuted(values, axis=-1).astype(np.float32)


def _three_images(draw_columns):
    """Crowded; identical boxes, some without area; a single box above the floor."""
    rng = np.random.default_rng(3)
    boxes, scores = drawn(rng, 3, 1, count=24)
    boxes[1, :, 8:16] = boxes[1, :, :8]
    boxes[1, :, 16:20, 2:] = boxes[1, :, 16:20, :2]
    boxes[1, :, 20:22] = boxes[1, :, 16:18]
    scores[2, 0, 1:] = FLOOR / 2
    scores[2, 0, 0] = 0.7
    return boxes, scores, _float32(draw_columns(rng, (3, 1, 24)))


def _ninety_classes(draw_columns):
    """One image whose classes share boxes and columns."""
    rng = np.random.default_rng(4)
    boxes, _ = drawn(rng, 1, 1, count=16)
    scores = _scores(rng, 1, 90, count=16)
    return boxes, scores, _float32(draw_columns(rng, (1, 1, 16)))


def _float32(columns):
    return {name: x.astype(np.float32) for name, x in columns.items()}


def _compare(got, want, boxes, scores, columns):
    assert got.rows.dtype == tf.int32
    assert got.boxes.shape == (*scores.shape[:-1], LIMIT, 4)
    for place in np.ndindex(scores.shape[:-1]):
        own = tuple(min(i, n - 1) for i, n in zip(place, boxes.shape, strict=False))
        wanted = want(
            boxes[own],
            scores[place],
            *(x[own] for x in columns.values()),
            score_threshold=FLOOR,
            limit=LIMIT,
        )
        real = got.scores[place].numpy() > -np.inf
        assert not got.rows[place].numpy()[~real].any()
        np.testing.assert_array_equal(got.rows[place][real], wanted.rows, str(place))
        for name in ("scores", "boxes"):
            np.testing.assert_allclose(
                getattr(got, name)[place].numpy()[real],
                getattr(wanted, name),
                rtol=1e-4,
                atol=1e-5,
            )


def _check_nothing(form, draw_columns):
    """Scores at the floor, and no boxes at all, leave nothing."""
    for count in (3, 0):
        scores = np.full([2, count], FLOOR, np.float32)
        columns = draw_columns(np.random.default_rng(5), (2, count))
        boxes, columns = np.zeros([2, count, 4], np.float32), _float32(columns)
        kept = form.suppress(boxes, scores, columns, LIMIT, np.float32(FLOOR))
        assert kept.rows.shape == (2, LIMIT)
        assert (kept.scores.numpy() == -np.inf).all() and not kept.rows.numpy().any()
