"""Parts to train and to evaluate on, none of whose images is in two of them."""

from od_api.core.errors import UserError
from od_api.init.part_names import TEST, TRAIN, VAL, WHOLE
from od_api.init.same_images import classes_of, content_of
from od_api.init.stratified_split import split


def parted(found, fraction, seed):
    """({TRAIN, VAL and perhaps TEST: [item]}, notes) of a data set.

    Copies of an image that are in a part to evaluate on are left out of TRAIN. Where
    there is no VAL it is taken out of TRAIN.

    Args:
      found: FoundParts.
      fraction: of the images to evaluate on, where no part is there for it.
      seed: of that choice.

    Raises:
      UserError: there are no objects to learn, or too few images.
    """
    contents = {
        part: [content_of(item) for item in items]
        for part, items in found.parts.items()
    }
    parts, notes = dict(found.parts), list(found.notes)
    _leave_out_copies(parts, contents, notes)
    whole = WHOLE if WHOLE in parts else TRAIN
    if VAL not in parts:
        items, keys = parts.pop(whole), contents[whole]
        parts[TRAIN], parts[VAL] = _split(items, keys, fraction, seed)
        notes.append(
            f"{len(parts[VAL])} of {len(items)} images were chosen to evaluate on "
            f"(--val-fraction {fraction:g} --seed {seed})"
        )
    if not any(classes_of(item) for item in parts[TRAIN]):
        raise UserError(
            "not one image to train on has an object: are these the labels of the "
            "images?"
        )
    notes += _missing_classes(parts)
    order = [part for part in (TRAIN, VAL, TEST) if part in parts]
    return {part: parts[part] for part in order}, notes


def _leave_out_copies(parts, contents, notes):
    """Takes out of each part what a part of the next ones has, too."""
    order = [part for part in (WHOLE, TRAIN, VAL, TEST) if part in parts]
    for number, part in enumerate(order):
        later = {key for other in order[number + 1 :] for key in contents[other]}
        kept = [i for i, key in enumerate(contents[part]) if key not in later]
        lost = len(parts[part]) - len(kept)
        if not lost:
            continue
        if not kept:
            others = " and ".join(order[number + 1 :])
            raise UserError(
                f"every image of {part} is in {others}, too: nothing would be left"
            )
        parts[part] = [parts[part][i] for i in kept]
        contents[part] = [contents[part][i] for i in kept]
        others = " or ".join(order[number + 1 :])
        notes.append(f"{lost} images of {part} are in {others}, too, and were left out")


def _split(items, keys, fraction, seed):
    """(the items to train on, those to evaluate on), in their order."""
    groups = {}
    for i, key in enumerate(keys):
        groups.setdefault(key, []).append(i)
    members = list(groups.values())
    described = [
        (len(rows), set().union(*(classes_of(items[i]) for i in rows)))
        for rows in members
    ]
    chosen = {i for g in split(described, fraction, seed) for i in members[g]}
    train = [item for i, item in enumerate(items) if i not in chosen]
    return train, [items[i] for i in sorted(chosen)]


def _missing_classes(parts):
    """Sentences about classes that one of TRAIN and VAL lacks."""
    there = {p: set().union(*map(classes_of, parts[p])) for p in (TRAIN, VAL)}
    for part, other in ((TRAIN, VAL), (VAL, TRAIN)):
        lacking = sorted(there[other] - there[part])
        if lacking:
            some = ", ".join(lacking[:5]) + (", ..." if lacking[5:] else "")
            yield f"{len(lacking)} classes have no object in {part}: {some}"
