"""The names and numbers of the classes: the old API's label map (StringIntLabelMap).

Ids are 1-based, as in files, and may have gaps (COCO: 80 classes, ids to 90). Id 0
means "background" and belongs to no object. Reading one needs no TensorFlow.
"""

from google.protobuf import text_format

from od_api.config.loading import write_config
from od_api.config.text_parsing import located
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.core.warn_once import warn_once
from od_api.data.class_names import nearest_text
from od_api.data.label_map_file import read_label_map
from od_api.protos import string_int_label_map_pb2

BACKGROUND = "background"


class LabelMap:
    """Classes by id.

    Attributes:
      ids: sorted list of the ids, 1-based, without the background.
      names: the name of each of them, in the same order: display_name, else name.
      num_classes: the largest id (not the count: ids may have gaps).
      path: the file it was read from; empty if there is none.
      text_to_id: {text: id} of every name and display_name. Where several ids share a
        text the largest wins, as in the old API.

    Raises:
      ConfigError: an id that is missing, 0, negative or there twice, or an item without
        a name; `field_path` tells the item.
    """

    def __init__(self, message):
        self._message, self.path = message, ""
        items = {}
        for index, item in enumerate(message.item):
            where = f"item[{index}]"
            _check_item(item, where)
            if item.id in items:
                raise ConfigError(
                    f"id {item.id} is there twice, as {_shown(items[item.id])!r} and "
                    f"{_shown(item)!r}: every class needs an id of its own",
                    f"{where}.id",
                )
            items[item.id] = item
        self._items = {i: items[i] for i in sorted(items) if i != 0}
        if not self._items:
            raise ConfigError("the label map has no classes", "item")
        self.ids = list(self._items)
        self.names = [_shown(item) for item in self._items.values()]
        self.num_classes = self.ids[-1]
        self.text_to_id = _texts(self._items.values())

    @classmethod
    def load(cls, path):
        """Reads a label map, text or binary.

        Raises:
          ConfigError: with `file:line:column` and the nearest valid name.
          UserError: a file that cannot be read, or is no UTF-8.
        """
        message, text = read_label_map(path)
        try:
            label_map = cls(message)
        except ConfigError as error:
            raise located(error, text, path) from error
        label_map.path = str(path)
        label_map._warn_of_odd_names()
        return label_map

    @classmethod
    def from_names(cls, names):
        """A label map of names (ids 1, 2, ... in their order), or of {id: name}."""
        message = string_int_label_map_pb2.StringIntLabelMap()
        if not isinstance(names, dict):
            names = dict(enumerate(names, 1))
        for class_id, name in names.items():
            message.item.add(id=class_id, name=name)
        return cls(message)

    def name(self, class_id):
        """The name to show for an id; `id 12` for an id that the map does not have."""
        item = self._items.get(int(class_id))
        return f"id {int(class_id)}" if item is None else _shown(item)

    def id_of(self, text):
        """The id of a name or display_name; None for one that the map does not have."""
        return self.text_to_id.get(text)

    def nearest(self, text):
        """The text of the map that a text of a record may have meant, or None."""
        return nearest_text(text, self.text_to_id)

    def item(self, class_id):
        """The StringIntLabelMapItem of an id (keypoints, hierarchy, ...), or None."""
        return self._items.get(int(class_id))

    def save(self, path):
        """Writes it as text, whole or not at all."""
        write_config(self._message, path)

    def to_text(self):
        """What `of_text` takes."""
        return text_format.MessageToString(self._message, as_utf8=True)

    @classmethod
    def of_text(cls, text, path):
        """The label map of a text that a model keeps.

        Args:
          text: of `to_text`.
          path: of the model, for messages.

        Raises:
          UserError: it is no label map.
        """
        message = string_int_label_map_pb2.StringIntLabelMap()
        try:
            text_format.Parse(text, message)
            return cls(message)
        except (text_format.ParseError, ConfigError) as error:
            raise UserError(f"{printable(path)}: its label map: {error}") from error

    def displayed(self, names):
        """A label map with the display_names {name: display_name}."""
        message = string_int_label_map_pb2.StringIntLabelMap()
        message.CopyFrom(self._message)
        for item in message.item:
            if item.name in names:
                item.display_name = names[item.name]
        return type(self)(message)

    def related(self, above):
        """A label map with the relations {name: names of the classes above it} alone.

        Names that it lacks count for nothing.
        """
        message = string_int_label_map_pb2.StringIntLabelMap()
        message.CopyFrom(self._message)
        items = {item.name: item for item in message.item}
        for item in message.item:
            del item.ancestor_ids[:], item.descendant_ids[:]
        for name in sorted(items.keys() & above.keys(), key=lambda n: items[n].id):
            others = [items[n] for n in above[name] if n in items]
            for other in sorted(others, key=lambda other: other.id):
                items[name].ancestor_ids.append(other.id)
                other.descendant_ids.append(items[name].id)
        return type(self)(message)

    def extended(self, names):
        """A label map with these names, too, with ids after the largest."""
        message = string_int_label_map_pb2.StringIntLabelMap()
        message.CopyFrom(self._message)
        for class_id, name in enumerate(names, self.num_classes + 1):
            message.item.add(id=class_id, name=name)
        return type(self)(message)

    def same_as(self, other):
        """Whether it says the same."""
        return self._message == other._message

    def to_coco_categories(self):
        """The `categories` of a COCO file: a list of {"id", "name"}."""
        return [{"id": i, "name": self.name(i)} for i in self.ids]

    def _warn_of_odd_names(self):
        for text in self.text_to_id:
            if text != text.strip():
                odd = "begins or ends with a space: records must write it so, too"
            elif text != printable(text):
                odd = "has control characters"
            else:
                continue
            warn_once(f"{printable(self.path)}: the name {printable(repr(text))} {odd}")


def _shown(item):
    return item.display_name or item.name


def _check_item(item, where):
    if not _shown(item).strip():
        raise ConfigError(f"the class with id {item.id} has no name", where)
    if not item.HasField("id"):
        raise ConfigError(
            f"{_shown(item)!r} has no id: give it one, from 1 up", f"{where}.name"
        )
    if item.id < 0:
        raise ConfigError(
            f"{_shown(item)!r} has id {item.id}: ids start at 1", f"{where}.id"
        )
    if item.id == 0 and BACKGROUND not in (item.name, item.display_name):
        raise ConfigError(
            f"{_shown(item)!r} has id 0, which is kept for the background, so it would "
            "never be detected: number the classes from 1, here and in the records",
            f"{where}.id",
        )


def _texts(items):
    """{text: id}; a text that several ids have is reported."""
    ids = {}
    for item in items:
        for text in sorted({item.name, item.display_name} - {""}):
            ids.setdefault(text, []).append(item.id)
    for text, sharing in ids.items():
        if len(sharing) > 1:
            warn_once(
                f"the label map has {printable(text)!r} for the ids "
                f"{', '.join(map(str, sharing))}: records that name their classes by "
                f"text get {max(sharing)}"
            )
    return {text: max(sharing) for text, sharing in ids.items()}
