"""What a field of a protocol buffer message is."""


def is_repeated(field):
    """Whether a field holds a list (or a map)."""
    repeated = getattr(field, "is_repeated", None)
    return repeated if repeated is not None else field.label == field.LABEL_REPEATED


def is_map(field):
    """Whether a field is a map<key, value>."""
    entry = field.message_type
    return entry is not None and entry.GetOptions().map_entry


def set_values(message):
    """(name, descriptor, value) of every set field; a list gives `name[i]` for each."""
    for field, value in message.ListFields():
        if is_map(field):
            continue
        if is_repeated(field):
            for i, item in enumerate(value):
                yield f"{field.name}[{i}]", field, item
        else:
            yield field.name, field, value
