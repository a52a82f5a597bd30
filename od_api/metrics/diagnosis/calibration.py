"""Whether a score says how often a detection is right.

Detections are put into bins by their score; in each, the share that is right at IoU .5
stands against the mean score. The expected calibration error is the mean distance of
the two, each bin by its number of detections (Guo et al., ICML 2017; of detections:
Kueppers et al., CVPR workshops 2020).
"""

import numpy as np

BINS = 10


def calibration(matches, bins=BINS):
    """{"error": float, "bins": [{"low", "high", "count", "score", "right"}]}.

    Args:
      matches: list of ClassMatches.
      bins: equally wide; `score` and `right` are None in those without detections.

    Returns:
      None where there is no detection, or a score outside of 0..1, which is none of
      probability.
    """
    pooled = [m.at(0) for m in matches]
    scores = np.concatenate([np.zeros(0), *(s for s, _ in pooled)])
    hits = np.concatenate([np.zeros(0), *(h for _, h in pooled)])
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        return None
    at = np.minimum((scores * bins).astype(int), bins - 1)
    counts = np.bincount(at, minlength=bins)
    sums = (np.bincount(at, x, minlength=bins) for x in (scores, hits))
    score, right = (s / np.maximum(counts, 1) for s in sums)
    error = np.sum(counts * np.abs(score - right)) / len(scores)
    rows = [
        {
            "low": i / bins,
            "high": (i + 1) / bins,
            "count": int(n),
            "score": float(score[i]) if n else None,
            "right": float(right[i]) if n else None,
        }
        for i, n in enumerate(counts)
    ]
    return {"error": float(error), "bins": rows}
