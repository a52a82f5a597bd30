"""What is wrong between the sets of a config: what is trained on, and what it is
measured by."""

import collections
import hashlib
import itertools
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from od_api.core.errors import UserError
from od_api.data import records
from od_api.data.class_names import quoted
from od_api.data.record_checks import boxes_of, parse
from od_api.pictures import decoding, raw_images

# Pixels of the network's input: the square root of the area of what is hardly seen.
SMALL = 8
_SHARE_OF_SMALL = 0.05
# Boxes of the commonest class for one of the rarest.
_UNEVEN, _VERY_UNEVEN = 10, 100
# Gray images are looked for among so many of a set.
_DECODED = 200
_NAMED = 10


class SetFacts(NamedTuple):
    """A set of records.

    Attributes:
      place: its reader's field in the config.
      digests: {digest of an image: (file, record)}.
      per_class: Counter of boxes by class name; crowds count, too.
      sides: [n] square roots of the boxes' areas, in pixels of the network's input.
      gray, decoded: how many images have no colours, of how many.
    """

    place: str
    digests: dict
    per_class: collections.Counter
    sides: np.ndarray
    gray: int
    decoded: int


def facts_of(place, paths, label_map, resizer):
    """The SetFacts of records; what cannot be read is left to `check_records`.

    Args:
      place: of the reader.
      paths: what `records.read` takes.
      label_map: LabelMap.
      resizer: of the model.
    """
    digests, per_class, sides = {}, collections.Counter(), [np.zeros(0)]
    gray = decoded = 0
    for path in paths:
        for index, features in enumerate(_features_of(path)):
            encoded = next(iter(features.get("image/encoded", [])), b"")
            if encoded:
                digests.setdefault(hashlib.sha256(encoded).digest(), (path, index))
            boxes = boxes_of(features)
            if boxes is None or not encoded:
                continue
            per_class.update(_classes(features, label_map))
            if (size := _size(encoded, features)) is None:
                continue
            sides.append(_sides(boxes, size, resizer))
            if decoded < _DECODED:
                decoded += 1
                gray += _is_gray(encoded, features)
    return SetFacts(place, digests, per_class, np.concatenate(sides), gray, decoded)


def findings_of(train, others):
    """Yields (severity, kind, detail) of a training set and those that measure it.

    Args:
      train: SetFacts; None where nothing is trained.
      others: list of SetFacts.
    """
    every = [train, *others] if train else others
    for one, other in itertools.combinations(every, 2):
        yield from _shared(one, other)
    for other in others if train else ():
        yield from _missing(train, other)
    if train:
        yield from _uneven(train)
    for facts in every:
        yield from _small(facts)
        if 0 < facts.gray < facts.decoded:
            detail = (
                f"{facts.place}: {facts.gray} of {facts.decoded} images are gray, the "
                "others coloured; random_rgb_to_gray lets training see both"
            )
            yield "note", "gray_images", detail


def _features_of(path):
    try:
        for record in records.read(path):
            try:
                yield parse(record)[0]
            except DecodeError:
                yield {}
    except UserError:  # a damaged file, or an image that cannot be read
        return


def _classes(features, label_map):
    texts = features.get("image/object/class/text", [])
    if texts:
        ids = [label_map.id_of(text.decode(errors="replace")) for text in texts]
    else:
        ids = features.get("image/object/class/label", [])
    return [label_map.name(i) for i in ids if i in label_map.ids]


def _size(encoded, features):
    """(height, width) of an image; None of one that cannot be read."""
    try:
        if _is_raw(features):
            sides = [features.get(f"image/{side}") for side in ("height", "width")]
            return tuple(int(side[0]) for side in sides) if all(sides) else None
        header = decoding.look(encoded)
    except UserError:
        return None
    return header.height, header.width


def _is_raw(features):
    return raw_images.is_raw(next(iter(features.get("image/format", [])), b""))


def _sides(boxes, size, resizer):
    if not hasattr(resizer, "size_of"):  # images stay as they are
        resized = np.array(size)
    else:
        resized = np.asarray(resizer.size_of(np.array(size, np.int32)))
    heights, widths = (boxes[:, 2:] - boxes[:, :2]).T * resized[:, None]
    return np.sqrt(np.maximum(heights * widths, 0))


def _is_gray(encoded, features):
    if _is_raw(features):
        return False
    try:
        pixels = decoding.decode(encoded)
    except UserError:
        return False
    return bool(np.all(pixels[..., :1] == pixels[..., 1:]))


def _shared(one, other):
    both = one.digests.keys() & other.digests.keys()
    if not both:
        return
    places = sorted(
        (*map(str, other.digests[d]), *map(str, one.digests[d])) for d in both
    )
    some = "; ".join(
        f"{b[0]} record {b[1]} is {b[2]} record {b[3]}" for b in places[:3]
    )
    detail = (
        f"{len(both)} of {len(other.digests)} images of {other.place} are in "
        f"{one.place}, too, so that scores are of images that were seen: {some}"
        f"{'; ...' if len(both) > 3 else ''}. Leave them out of one of the two"
    )
    yield "warning", "shared_image", detail


def _missing(train, other):
    unlearned = sorted(other.per_class.keys() - train.per_class.keys())
    unmeasured = sorted(train.per_class.keys() - other.per_class.keys())
    if unlearned:
        detail = (
            f"{other.place} has boxes of {_listed(unlearned)}, which is not trained"
        )
        yield "warning", "untrained_class", detail
    if unmeasured:
        detail = (
            f"{other.place} has no box of {_listed(unmeasured)}: nobody measures it"
        )
        yield "warning", "unmeasured_class", detail


def _uneven(train):
    counts = train.per_class.most_common()
    if len(counts) < 2:
        return
    (most, many), (least, few) = counts[0], counts[-1]
    if many >= _UNEVEN * few:
        severity = "warning" if many >= _VERY_UNEVEN * few else "note"
        detail = (
            f"{train.place} has {many} boxes of {quoted(most)} and {few} of "
            f"{quoted(least)}: rare classes are learned last; more images of them help "
            "most"
        )
        yield severity, "imbalance", detail


def _small(facts):
    count, small = len(facts.sides), int(np.sum(facts.sides < SMALL))
    if small:
        severity = "warning" if small > _SHARE_OF_SMALL * count else "note"
        detail = (
            f"{facts.place}: {small} of {count} boxes are smaller than {SMALL}x{SMALL} "
            "pixels of the network's input, which a detector hardly sees: a larger "
            "image_resizer, or tiles or chips of the images"
        )
        yield severity, "small_boxes", detail


def _listed(names):
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    return ", ".join(map(quoted, names[:_NAMED])) + more
