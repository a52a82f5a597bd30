"""One numbering of the classes of all parts of a data set."""

from od_api.data.converters.class_ids import ClassIds
from od_api.data.label_map import LabelMap


class SharedIds:
    """Gives ids 1, 2, ... to classes as the parts declare them.

    To be handed to the readers of annotations as their `make_ids`.
    """

    def __init__(self):
        self._ids = {}

    def __call__(self, source, declared, used):
        """Takes in the classes of one part; the arguments are those of `ClassIds`.

        Raises:
          UserError: a class without a name, or two of one name.
        """
        ordered = [declared[number] for number in sorted(declared)]
        numbered = dict(enumerate(ordered, 1))
        ClassIds(source, numbered, used)  # for what it refuses
        for name in ordered:
            self._ids.setdefault(name, len(self._ids) + 1)
        return self

    def id_of(self, name):
        """The id of a class."""
        return self._ids[name]

    @property
    def label_map(self):
        """The LabelMap of all classes."""
        return LabelMap.from_names({number: name for name, number in self._ids.items()})

    def save(self):
        """Nothing: the label map is written once, when all parts are."""
