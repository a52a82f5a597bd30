"""Two parts of a data set: by a seed, with all classes in both where that can be."""

import collections
import random

from od_api.core.errors import UserError


def split(groups, fraction, seed):
    """Chooses what is evaluated on.

    Things of one group stay together (copies of one image). Classes are given out the
    rarest first, each group to the part that lacks most of the class (Sechidis et al.,
    "On the stratification of multi-label data", ECML 2011); a class that two groups
    have is wanted once in either part, whatever the fraction.

    Args:
      groups: [(number of images, set of classes)].
      fraction: of the images to evaluate on, above 0 and below 1.
      seed: of the order.

    Returns:
      Set of the positions of the groups to evaluate on; neither it nor the rest is
      empty.

    Raises:
      UserError: there is only one group, or a fraction that is none.
    """
    if not 0.0 < fraction < 1.0:
        raise UserError(f"--val-fraction {fraction:g}: use a number between 0 and 1")
    if len(groups) < 2:
        raise UserError(
            "there is only one image (or copies of one), which cannot be both trained "
            "and evaluated on: add others"
        )
    order = list(range(len(groups)))
    random.Random(seed).shuffle(order)
    return _Split(groups, fraction, order).made()


class _Split:
    """Gives out groups one by one."""

    def __init__(self, groups, fraction, order):
        self._groups, self._left = groups, dict.fromkeys(order)
        self._with = collections.defaultdict(list)
        for i in order:
            for name in sorted(groups[i][1]):
                self._with[name].append(i)
        total = sum(size for size, _ in groups)
        wanted = min(max(round(fraction * total), 1), total - 1)
        self._wanted = {True: wanted, False: total - wanted}
        self._of_class = {}
        for name, members in self._with.items():
            count = len(members)
            own = max(fraction * count, 1.0) if count > 1 else 0.0
            own = min(own, count - 1) if count > 1 else own
            self._of_class[name] = {True: own, False: count - own}
        self._chosen = {}

    def made(self):
        while open_classes := self._open():
            rarest = min(open_classes, key=lambda n: (open_classes[n], str(n)))
            for i in self._with[rarest]:
                if i in self._left:
                    self._give(i, rarest)
        for i in list(self._left):
            self._give(i)
        return self._not_empty()

    def _open(self):
        """{class: groups that are still to be given out}."""
        counts = {n: sum(i in self._left for i in m) for n, m in self._with.items()}
        return {name: count for name, count in counts.items() if count}

    def _give(self, i, name=None):
        size, classes = self._groups[i]
        lacks = self._of_class[name] if name is not None else self._wanted
        val = (lacks[True], self._wanted[True]) > (lacks[False], self._wanted[False])
        self._chosen[i] = val
        del self._left[i]
        self._wanted[val] -= size
        for other in classes:
            self._of_class[other][val] -= 1

    def _not_empty(self):
        val = {i for i, is_val in self._chosen.items() if is_val}
        if not val or len(val) == len(self._groups):
            fewest = min(self._chosen, key=lambda i: (len(self._groups[i][1]), i))
            return val ^ {fewest}
        return val
