"""All readers of published data sets, by the name that `affectstream data pack` gives them."""

import difflib
from collections.abc import Callable
from pathlib import Path

from training.data.afew_va import read_afew_va
from training.data.affectnet import read_affectnet
from training.data.cleaned import mark_cleaned, read_list
from training.data.ferplus_csv import read_ferplus_csv
from training.data.image_table import read_image_table
from training.data.records import Reading
from training.data.sewa import read_sewa
from training.errors import TrainingError

READERS: dict[str, Callable[[Path], Reading]] = {
    "affectnet": read_affectnet,
    "afew-va": read_afew_va,
    "sewa": read_sewa,
    "ferplus": read_ferplus_csv,
    "table": read_image_table,
}


def read_data_set(
    kind: str, source: Path, *, cleaned: Path | None = None, value_range: tuple[float, float] | None = None
) -> Reading:
    """All faces of the data set in `source`. Raises TrainingError.

    cleaned: the authors' list of the cleaned AffectNet set. value_range: smallest and largest rating in SEWA's files.
    """
    if kind not in READERS:
        near = difflib.get_close_matches(kind, READERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(READERS)}"
        raise TrainingError(f"unknown kind of data {kind!r}; {hint}")
    if cleaned is not None and kind != "affectnet":
        raise TrainingError(f"--cleaned is for affectnet, not for {kind}")
    if value_range is not None:
        if kind != "sewa":
            raise TrainingError(f"--value-range is for sewa, not for {kind}")
        return read_sewa(source, value_range)
    reading = READERS[kind](source)
    if kind != "affectnet":
        return reading
    return mark_cleaned(reading, None if cleaned is None else read_list(cleaned))
