"""A config as text, with a comment above each choice."""

import re

from google.protobuf import text_format

_OPENS = re.compile(r"^(\s*)(\w+) \{$")
_VALUE = re.compile(r"^(\s*)(\w+): ")


def commented_text(config, head, comments):
    """Text of a config.

    Args:
      config: TrainEvalPipelineConfig.
      head: lines of the comment at its top.
      comments: {path of a field, as `train_config.batch_size`: the comment above it};
        of a list the comment stands above its first item.

    Returns:
      Text that parses to the same config.
    """
    lines, path, open_comments = (
        [f"# {line}".rstrip() for line in head],
        [],
        {**comments},
    )
    text = text_format.MessageToString(config, use_short_repeated_primitives=True)
    for line in text.splitlines():
        opens, value = _OPENS.match(line), _VALUE.match(line)
        if opens or value:
            indent, name = (opens or value).groups()[:2]
            said = open_comments.pop(".".join([*path, name]), "")
            lines += [f"{indent}# {part}" for part in said.splitlines()]
        if opens:
            path.append(opens[2])
        elif line.strip() == "}":
            path.pop()
        lines.append(line)
    return "\n".join(lines) + "\n"
