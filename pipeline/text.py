"""Names from anywhere as text that can be shown and written.

A file name on Linux is any bytes but a slash: no UTF-8, line ends, and sequences that command a terminal are all
allowed. Python holds bytes that are not UTF-8 as lone surrogates, which no encoder takes.
"""

import re
import unicodedata

_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control and format characters, surrogates, line and paragraph separators."""
_JOINERS = "\u200c\u200d"
"""Format characters that spell Persian words and emoji families."""

_ESCAPES = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)")
"""In JSON: a backslash, a pair of surrogates, a lone one."""


def printable(text: str) -> str:
    """`text` with everything escaped that could command a terminal, break a line, or fail to be encoded.

    Bytes that are not UTF-8 are shown as in Python's bytes: `bad\\xff.mp4`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _ESCAPED:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def well_formed(content: bytes) -> bytes:
    """JSON with U+FFFD for lone surrogates, as version 0.1.0 wrote them of names that are not UTF-8."""
    return _ESCAPES.sub(lambda match: b"\\ufffd" if match[1] else match[0], content)
