"""Names of classes that two files write differently."""

import difflib
import re
import unicodedata

from od_api.core.printable import printable

# Below that likeness two names are different words.
_CUTOFF = 0.75


def writing(text):
    """What is left of a name without case, spaces, `_`, `-` and Unicode's forms."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def nearest_text(text, known):
    """The known text that `text` may have meant, or None.

    Another writing of the same letters comes first, then a likely slip of the pen.
    """
    written = {writing(other): other for other in known}
    wanted = writing(text)
    if not wanted:
        return None
    if wanted in written:
        return written[wanted]
    close = difflib.get_close_matches(wanted, list(written), n=1, cutoff=_CUTOFF)
    return written[close[0]] if close else None


def did_you_mean(text, near):
    """`; did you mean 'CAT'?`, with escapes where the two may look the same."""
    if near is None:
        return ""
    hint = f"; did you mean {quoted(near)}?"
    if not (text.isascii() and near.isascii()):
        hint += f" ({text!a} is not {near!a})"
    return hint


def quoted(text):
    """A name in quotes that show its spaces, safe for a terminal."""
    return f"'{printable(text)}'"
