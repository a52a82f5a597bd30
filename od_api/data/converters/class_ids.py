"""Which ids the classes of a conversion get, so that splits of one data set agree.

Records carry ids. Where a label map is there already, from an earlier split, its ids
are used and it is never changed, but for new classes at its end if that is asked for.
"""

import difflib
import os
import re

from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.label_map import LabelMap

# The label map's ids are int32.
_LARGEST_ID = 2**31 - 1


class ClassIds:
    """The label map of a conversion, and where it goes.

    Args:
      source: what declares the classes, for errors.
      declared: {id: name} of all classes of the data set.
      used: {name: where it is first used}; what is not declared may be left out.
      given: path of the label map to use; None takes the one at `out`, if there is one,
        or else the declared ids.
      out: where the label map belongs; None writes none.
      extend: adds declared classes that the label map lacks, with ids after its
        largest. Otherwise a used one that it lacks is an error.

    Attributes:
      label_map: a `LabelMap` with all used classes.

    Raises:
      UserError: a class is not in the label map, or the one at `out` is another.
    """

    def __init__(self, source, declared, used, *, given=None, out=None, extend=False):
        _check_names(source, declared)
        self._out, self._is_new = out, False
        self._exists = out is not None and os.path.lexists(out)
        self._base = base = given or (out if self._exists else None)
        if base is None:
            _check_ids(source, declared)
            self.label_map, self._is_new = LabelMap.from_names(declared), True
            return
        known = LabelMap.load(base)
        wanted = dict.fromkeys(declared.values(), "") if extend else {}
        lacking = {n: w for n, w in (wanted | used).items() if known.id_of(n) is None}
        if lacking and not extend:
            name, where = next(iter(lacking.items()))
            raise _lacking(name, where, known, base, is_given=given is not None)
        self.label_map = known.extended(lacking)
        if self._exists and given is not None:
            self._check_replacement(given, extend)

    def id_of(self, name):
        """The id of a used class."""
        return self.label_map.id_of(name)

    def show(self, names):
        """Gives classes {name: display_name}, unless the label map was there before."""
        if self._is_new and names:
            self.label_map = self.label_map.displayed(names)

    def relate(self, above):
        """Has classes {name: names of those above it}; see `LabelMap.related`.

        Raises:
          UserError: the label map was there before, and says something else.
        """
        related = self.label_map.related(above)
        if not self._is_new and not self.label_map.same_as(related):
            raise UserError(
                f"{printable(self._base)} is there already, and has not the relations "
                "of --hierarchy: write a new label map elsewhere (--label-map-out)"
            )
        self.label_map = related

    def save(self):
        """Writes the label map, unless one like it is there."""
        if self._out is None:
            return
        if self._exists and LabelMap.load(self._out).same_as(self.label_map):
            return
        self.label_map.save(self._out)

    def _check_replacement(self, given, extend):
        """The label map at `out` may become the one that is given and no other."""
        there = LabelMap.load(self._out)
        if there.same_as(self.label_map):
            return
        same = os.path.realpath(given) == os.path.realpath(self._out)
        kept = there.text_to_id.items() <= self.label_map.text_to_id.items()
        if not (extend and (same or kept)):
            raise UserError(
                f"{printable(self._out)} is there already and is another label map "
                f"than {printable(given)}: records beside it may have its ids. Use it "
                f"(--label-map {printable(self._out)}), or write to another place "
                "(--label-map-out PATH)"
            )


def unknown_class(where, name, known):
    """The error for a class that the label map does not have."""
    hint = _near(name, known) or ": add it there, or convert with --extend-label-map"
    return UserError(
        f"{where}: class {printable(name)!r} is not in the label map{hint}"
    )


def default_place(output_prefix):
    """Where the label map of records goes if nobody says: beside them."""
    return os.path.join(os.path.dirname(output_prefix), "label_map.pbtxt")


def _lacking(name, where, known, base, is_given):
    if is_given:
        return unknown_class(where, name, known.names)
    return UserError(
        f"{where}: class {printable(name)!r} is not in {printable(base)}, the label "
        f"map of an earlier conversion{_near(name, known.names)}. Add new classes to "
        "it with --extend-label-map (its ids stay), name the label map to use with "
        "--label-map, or write one of its own elsewhere with --label-map-out"
    )


def _near(name, known):
    lower = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), lower, 1)
    return f"; did you mean {printable(lower[close[0]])!r}?" if close else ""


def _check_ids(source, declared):
    for class_id, name in declared.items():
        if 1 <= class_id <= _LARGEST_ID:
            continue
        fault = (
            "is too large for a label map"
            if class_id > 0
            else "but ids in records start at 1 (0 is the background)"
        )
        raise UserError(
            f"{source}: class {printable(name)!r} has id {class_id}, {fault}: convert "
            "with --renumber"
        )


def _loosely(name):
    """A name without capitals, spaces, and what is written for spaces."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _check_names(source, declared):
    ids, alike = {}, {}
    for class_id, name in declared.items():
        other = alike.setdefault(_loosely(name), name)
        if other != name:
            logging.warning(
                "%s: %s and %s are two classes: if they are one, write them alike",
                source,
                repr(printable(other)),
                repr(printable(name)),
            )
        if not name.strip():
            raise UserError(f"{source}: the class with id {class_id} has no name")
        if name in ids:
            raise UserError(
                f"{source}: two classes are called {printable(name)!r}, those with "
                f"the ids {ids[name]} and {class_id}: records tell classes by name, so "
                "give each one of its own, or make them one class"
            )
        ids[name] = class_id
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"{source}: the class name {printable(name)!r} is damaged: it holds "
                "half a character"
            ) from error
