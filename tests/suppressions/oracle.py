"""Every suppression for one class of one image, in plain NumPy loops, as papers say it.

Written from the formulas alone, in float64, to check the parts against. Each function
takes `boxes` [M, 4] as [ymin, xmin, ymax, xmax], `scores` [M], the column it reads,
`score_threshold` (a box counts where its score is above it, strictly; boxes that do
not count neither suppress nor are averaged nor hand on their score) and `limit` (None:
all), and returns a `Kept`: rows of the input, scores and boxes, the best score first.
Equal scores keep the input's order. Boxes of no area have IoU 0 with everything,
themselves included.

`inclusive` says whether an overlap equal to the threshold suppresses.
"""

from typing import NamedTuple

import numpy as np


class Kept(NamedTuple):
    """What a suppression leaves, best score first."""

    rows: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray


def iou(a, b):
    """Intersection over union of two boxes; 0 where either has no area."""
    area_a = max(a[2] - a[0], 0.0) * max(a[3] - a[1], 0.0)
    area_b = max(b[2] - b[0], 0.0) * max(b[3] - b[1], 0.0)
    if area_a <= 0 or area_b <= 0:
        return 0.0
    height = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    width = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    return height * width / (area_a + area_b - height * width)


def center_distance(a, b):
    """D = rho^2 / c^2: centres' distance over the enclosing box's diagonal, squared.

    Zheng et al., Distance-IoU Loss (AAAI 2020), eq. 6. Two equal points have D = 0.
    """
    rho = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + (
        (a[1] + a[3] - b[1] - b[3]) / 2
    ) ** 2
    height = max(a[2], b[2]) - min(a[0], b[0])
    width = max(a[3], b[3]) - min(a[1], b[1])
    diagonal = height**2 + width**2
    return rho / diagonal if diagonal > 0 else 0.0


def diou(a, b, beta=1.0):
    """IoU - D^beta: DIoU for beta 1 (Zheng et al., AAAI 2020, eq. 7)."""
    return iou(a, b) - center_distance(a, b) ** beta


def greedy(boxes, scores, threshold, *, inclusive=True, measure=iou, **cut):
    """Keep the best, remove what overlaps it, repeat (T30; DIoU-NMS with `diou`, T36).

    s_i = s_i if IoU(M, b_i) < N_t, else 0: Bodla et al., Soft-NMS (ICCV 2017), where
    it stands as what is to be softened. TensorFlow's kernel is not `inclusive`.
    """
    boxes, scores = _arrays(boxes, scores)

    def removes(kept, other):
        return _reaches(measure(boxes[kept], boxes[other]), threshold, inclusive)

    return _keep_unless_removed(boxes, scores, removes, **cut)


def soft_linear(boxes, scores, threshold, **cut):
    """Soft-NMS, linear: s_i *= 1 - IoU where IoU >= N_t (T31).

    Bodla et al., Soft-NMS (ICCV 2017), linear f. The next pivot is the best of the
    decayed scores; boxes whose decayed score is not above the score threshold are
    dropped.
    """

    def decay(pivot, overlap):
        return 1.0 - overlap if overlap >= threshold else 1.0

    return _soft(boxes, scores, decay, **cut)


def soft_gaussian(boxes, scores, sigma, **cut):
    """Soft-NMS, Gaussian: s_i *= exp(-IoU^2 / sigma) for every box left (T31).

    Bodla et al., Soft-NMS (ICCV 2017), Gaussian f, the paper's sigma.
    """
    return _soft(boxes, scores, lambda _, x: np.exp(-(x**2) / sigma), **cut)


def soft_gaussian_of_tensorflow(boxes, scores, sigma, **cut):
    """Soft-NMS as TensorFlow has it: s_i *= exp(-IoU^2 / (2 sigma)).

    `tf.image.non_max_suppression_with_scores`: its sigma is half the paper's, and its
    IoU threshold is not looked at once sigma is above 0.
    """
    return soft_gaussian(boxes, scores, 2 * sigma, **cut)


def fast(boxes, scores, threshold, *, inclusive=True, measure=iou, **cut):
    """Keep j where no better box, kept or not, overlaps it (T33).

    Bolya et al., YOLACT (ICCV 2019), Fast NMS: max_i x_ij < eps over the upper
    triangle; `inclusive=False` is the published code's <=.
    """
    boxes, scores = _arrays(boxes, scores)
    order = _counting(scores, cut.get("score_threshold", 0.0))
    x = _upper(boxes[order], measure)
    free = _free_columns(x, np.ones(len(order)), threshold, inclusive)
    return _best_first(order[free], boxes, scores, **cut)


def cluster(
    boxes,
    scores,
    threshold,
    *,
    inclusive=True,
    measure=iou,
    sigma=None,
    beta=None,
    **cut,
):
    """Cluster-NMS (T34), with `diou` Cluster-NMS_D (T36), penalties (T35, T37).

    Zheng et al., Enhancing Geometric Factors (IEEE Trans. Cybernetics 2021):
    b_t = 1[max_i (diag(b_{t-1}) X)_ij < eps] until it stands still.

    Given `sigma` nothing is removed, but, with C = diag(b) X at convergence,
    s_j *= prod_i exp(-C_ij^2 / sigma) (T35), and, given `beta` too,
    s_j *= prod_i min(exp(-C_ij^2 / sigma) + D_ij^beta, 1) (T37), over the C_ij > 0.
    A box is kept where its new score is above the score threshold.
    The D of T37 is beside the overlap, not in it: X stays the IoU there, which the
    hand values of T37 ask for; `measure=diou` changes X alone.
    """
    boxes, scores = _arrays(boxes, scores)
    order = _counting(scores, cut.get("score_threshold", 0.0))
    c, free = _converged(boxes[order], threshold, inclusive, measure)
    if sigma is None:
        return _best_first(order[free], boxes, scores, **cut)
    scores = scores.copy()
    scores[order] *= _penalties(c, boxes[order], sigma, beta)
    return _best_first(order, boxes, scores, **cut)


def weighted(boxes, scores, threshold, *, inclusive=True, **cut):
    """Weighted NMS: a pivot's box becomes the mean of the boxes it removes (T38).

    Lambda = {B_j left: IoU(B, B_j) >= eps}, the pivot among them;
    w_j = s_j IoU(B, B_j); B' = sum w_j B_j / sum w_j. Zhou et al., CAD (ICCV 2017
    workshops), as Zheng et al. (IEEE Trans. Cybernetics 2021) write it. A box is
    averaged into the first pivot that removes it and into no other, since the loop
    goes on with the boxes outside Lambda. The score stays the pivot's. A pivot of no
    area counts itself with weight s (its IoU with itself is taken as 1, as the matrix
    form's diagonal).
    """
    boxes, scores = _arrays(boxes, scores)
    left = list(_counting(scores, cut.get("score_threshold", 0.0)))
    merged, rows = boxes.copy(), []
    while left:
        pivot = left.pop(0)
        weights, members, outside = [scores[pivot]], [boxes[pivot]], []
        for j in left:
            overlap = iou(boxes[pivot], boxes[j])
            if _reaches(overlap, threshold, inclusive):
                weights.append(scores[j] * overlap)
                members.append(boxes[j])
            else:
                outside.append(j)
        merged[pivot] = np.average(members, axis=0, weights=weights)
        rows.append(pivot)
        left = outside
    return _best_first(np.array(rows, int), merged, scores, **cut)


def cluster_weighted(
    boxes,
    scores,
    threshold,
    *,
    inclusive=True,
    merge=None,
    sigma=None,
    beta=None,
    **cut,
):
    """Cluster-NMS_W (T38): boxes' = C' boxes, C' = s (x) C, rows divided by their sums.

    C = diag(b) X at convergence with the diagonal set to 1; members are those whose
    overlap reaches `merge` (None: `threshold`; the hand values leave out the box with
    IoU .25). Differs from `weighted` where two survivors overlap one removed box: here
    it is averaged into both.

    Given `sigma` and `beta` it is W+D: "scores by T37", read as: nothing is removed,
    the scores are T37's, and they are the s of C' as well; C is the one at
    convergence, not built again.
    """
    boxes, scores = _arrays(boxes, scores)
    order = _counting(scores, cut.get("score_threshold", 0.0))
    c, free = _converged(boxes[order], threshold, inclusive, iou)
    if sigma is not None:
        scores = scores.copy()
        scores[order] *= _penalties(c, boxes[order], sigma, beta)
    merge = threshold if merge is None else merge
    merged = boxes.copy()
    for i, row in enumerate(order):
        weights = np.zeros(len(order))
        for j, other in enumerate(order):
            if i == j:
                weights[j] = scores[other]
            elif c[i, j] > 0 and _reaches(c[i, j], merge, inclusive):
                weights[j] = scores[other] * c[i, j]
        if weights.sum() > 0:
            merged[row] = weights @ boxes[order] / weights.sum()
    rows = order[free] if sigma is None else order
    return _best_first(rows, merged, scores, **cut)


def adaptive(
    boxes, scores, density, threshold, *, inclusive=True, decay=None, sigma=0.5, **cut
):
    """Adaptive NMS: the pivot M suppresses at N_M = max(N_t, d_M) (T32).

    Liu et al., Adaptive NMS (CVPR 2019), alg. 1. `density` [M] is the predicted
    one. `decay`: None removes; "linear" and "gaussian" are Soft-NMS's f, used where
    IoU >= N_M only, since the others stay as they are whichever f it is.
    """
    boxes, scores = _arrays(boxes, scores)
    limits = np.maximum(threshold, np.reshape(density, -1))

    def factor(pivot, overlap):
        if not _reaches(overlap, limits[pivot], inclusive):
            return 1.0
        if decay == "linear":
            return 1.0 - overlap
        return np.exp(-(overlap**2) / sigma) if decay == "gaussian" else 0.0

    return _soft(boxes, scores, factor, **cut)


def iou_guided(boxes, scores, predicted_iou, threshold, *, inclusive=False, **cut):
    """IoU-guided NMS: rank by predicted IoU, keep the best score of the cluster (T42).

    Jiang et al., IoU-Net (ECCV 2018), alg. 1, where IoU > Omega_nms removes (strict).
    Boxes come out by their new score, and `limit` cuts that order: the algorithm has
    no limit, so the whole of its D is made first. Of equal predicted IoUs the first in
    the input is the pivot.
    """
    boxes, scores = _arrays(boxes, scores)
    rank = np.reshape(predicted_iou, -1).astype(float)
    counting = np.sort(_counting(scores, cut.get("score_threshold", 0.0)))
    left = list(counting[np.argsort(-rank[counting], kind="stable")])
    inherited, rows = scores.copy(), []
    while left:
        pivot = left.pop(0)
        outside = []
        for j in left:
            if _reaches(iou(boxes[pivot], boxes[j]), threshold, inclusive):
                inherited[pivot] = max(inherited[pivot], scores[j])
            else:
                outside.append(j)
        rows.append(pivot)
        left = outside
    return _best_first(np.array(rows, int), boxes, inherited, **cut)


def set_nms(boxes, scores, ids, threshold, *, inclusive=True, **cut):
    """Set NMS: greedy, but boxes of one proposal do not suppress each other (T78).

    Chu et al., Detection in Crowded Scenes (CVPR 2020). `ids` [M].
    """
    boxes, scores = _arrays(boxes, scores)
    ids = np.reshape(ids, -1)

    def removes(kept, other):
        overlap = iou(boxes[kept], boxes[other])
        return ids[kept] != ids[other] and _reaches(overlap, threshold, inclusive)

    return _keep_unless_removed(boxes, scores, removes, **cut)


def feature(boxes, scores, embeddings, *, low=0.1, high=0.9, distance=1.0, **cut):
    """Feature NMS: between two overlaps the embeddings' distance decides (T39).

    Salscheider, FeatureNMS (ICPR 2020), alg. 1: p is kept where for all d kept
    IoU <= N1, or IoU < N2 and ||f_p - f_d|| > T. `embeddings` [M, n].
    """
    boxes, scores = _arrays(boxes, scores)
    embeddings = _rows(embeddings)

    def removes(kept, other):
        overlap = iou(boxes[kept], boxes[other])
        far = np.linalg.norm(embeddings[kept] - embeddings[other]) > distance
        return not (overlap <= low or (overlap < high and far))

    return _keep_unless_removed(boxes, scores, removes, **cut)


def semantics_geometry(
    boxes,
    scores,
    embeddings,
    threshold,
    phi,
    *,
    levels=None,
    inclusive=False,
    across_inclusive=True,
    across_threshold=None,
    **cut,
):
    """SG-NMS: j goes where IoU > N_t and |e_m - e_j| <= Phi(IoU) (T84).

    Yang et al., SG-NMS (2020), alg. 1. `phi` is a function of the IoU. Given `levels`
    [M], this is done in each level, and then across levels greedily (IoU >=
    `across_threshold`, None: `threshold`): a box goes for a box of another level that
    is itself kept, never for one of its own. Boundaries: strict within a level, not
    across.
    """
    boxes, scores = _arrays(boxes, scores)
    embeddings = _rows(embeddings)
    levels = np.zeros(len(boxes)) if levels is None else np.reshape(levels, -1)
    across = threshold if across_threshold is None else across_threshold

    def same_object(kept, other):
        overlap = iou(boxes[kept], boxes[other])
        near = np.linalg.norm(embeddings[kept] - embeddings[other]) <= phi(overlap)
        same = levels[kept] == levels[other]
        return same and near and _reaches(overlap, threshold, inclusive)

    def removes(kept, other):
        overlap = iou(boxes[kept], boxes[other])
        different = levels[kept] != levels[other]
        return different and _reaches(overlap, across, across_inclusive)

    score_threshold = cut.get("score_threshold", 0.0)
    within = _keep_unless_removed(boxes, scores, same_object, score_threshold)
    left = np.full(len(scores), -np.inf)
    left[within.rows] = within.scores
    return _keep_unless_removed(boxes, left, removes, **cut)


def _arrays(boxes, scores):
    return np.asarray(boxes, float).reshape(-1, 4), np.asarray(scores, float)


def _rows(column):
    """A column as [M, n]; numbers alone are [M, 1]."""
    column = np.asarray(column, float)
    return column[:, None] if column.ndim == 1 else column


def _reaches(overlap, threshold, inclusive):
    return overlap >= threshold if inclusive else overlap > threshold


def _counting(scores, score_threshold):
    """Rows of scores above the threshold, best first, equal ones as they came."""
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > score_threshold]


def _best_first(rows, boxes, scores, score_threshold=0.0, limit=None):
    rows = np.sort(rows)
    rows = rows[_counting(scores[rows], score_threshold)][:limit]
    return Kept(rows, scores[rows], boxes[rows])


def _keep_unless_removed(boxes, scores, removes, score_threshold=0.0, limit=None):
    """Rows, best first, that no row kept before them removes."""
    rows = []
    for row in _counting(scores, score_threshold):
        if not any(removes(kept, row) for kept in rows):
            rows.append(row)
    rows = np.array(rows[:limit], int)
    return Kept(rows, scores[rows], boxes[rows])


def _soft(boxes, scores, decay, score_threshold=0.0, limit=None):
    """Take the best score, decay the others by `decay(pivot, IoU)`, and so on."""
    boxes, scores = _arrays(boxes, scores)
    scores, left, rows = scores.copy(), list(range(len(scores))), []
    while left and (limit is None or len(rows) < limit):
        pivot = max(left, key=lambda row: (scores[row], -row))
        if scores[pivot] <= score_threshold:
            break
        left.remove(pivot)
        rows.append(pivot)
        for j in left:
            scores[j] *= decay(pivot, iou(boxes[pivot], boxes[j]))
    rows = np.array(rows, int)
    return Kept(rows, scores[rows], boxes[rows])


def _upper(boxes, measure):
    """Overlaps of each box (row) with the worse ones (columns), 0 elsewhere."""
    x = np.zeros((len(boxes), len(boxes)))
    for i in range(len(boxes)):
        for j in range(i + 1, len(boxes)):
            x[i, j] = measure(boxes[i], boxes[j])
    return x


def _free_columns(x, counts, threshold, inclusive):
    """Whether no row that counts reaches the threshold in a column above itself."""
    free = []
    for j in range(len(x)):
        rows = [i for i in range(j) if counts[i]]
        free.append(not any(_reaches(x[i, j], threshold, inclusive) for i in rows))
    return np.array(free, bool)


def _converged(boxes, threshold, inclusive, measure):
    """C = diag(b) X, and b, where b no longer changes; boxes come best first."""
    x = _upper(boxes, measure)
    b = np.ones(len(boxes), bool)
    for _ in range(len(boxes)):
        before, b = b, _free_columns(x, b, threshold, inclusive)
        if np.array_equal(before, b):
            break
    return b[:, None] * x, b


def _penalties(c, boxes, sigma, beta):
    """Factor [M] of each column's score from all rows (T35; with beta T37)."""
    factors = np.ones(len(boxes))
    for i in range(len(boxes)):
        for j in range(i + 1, len(boxes)):
            if c[i, j] <= 0:
                continue
            factor = np.exp(-(c[i, j] ** 2) / sigma)
            if beta is not None:
                distance = center_distance(boxes[i], boxes[j])
                factor = min(factor + distance**beta, 1.0)
            factors[j] *= factor
    return factors
