"""Text cells of CSV files that a spreadsheet must not take for formulas.

File names and labels come from other people. A spreadsheet evaluates a cell that begins with ``=``, ``+``, ``-``, ``@``
or certain control characters, quoted or not, so such text gets an apostrophe in front, which spreadsheets take for
"this is text". Apostrophes that stand before such a character already get one more, so that reading is exact.
"""

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
"""What begins a formula: OWASP's list for CSV injection; the last four are the full-width = + - @."""


def escape_formulas(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The strings as they are written to CSV; null stays null."""
    return pc.if_else(_matches(text, f"^'*{_FORMULA}"), pc.binary_join_element_wise("'", text, ""), text)


def unescape_formulas(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The strings as they were before `escape_formulas`."""
    return pc.if_else(_matches(text, f"^'+{_FORMULA}"), pc.utf8_slice_codeunits(text, 1), text)


def _matches(text: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    return pc.match_substring_regex(text, pattern)
