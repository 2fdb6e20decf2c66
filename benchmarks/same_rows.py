"""Whether two checkouts give the same rows, bit for bit, for the same videos and settings.

python -m benchmarks.same_rows OTHER_CHECKOUT VIDEO [VIDEO ...] [-- FLAG ...]    # flags of `affectstream analyze`

Runs `affectstream analyze` of both with this environment's libraries, and compares all three tables but for run ids.
Exits with 1 where they differ.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from pipeline.tables import SORTED_BY, TABLES

HERE = Path(__file__).resolve().parent.parent


def analyzed(checkout: Path, videos: list[str], flags: list[str], out: Path) -> dict[str, pa.Table]:
    """All rows that a checkout makes of the videos."""
    command = [sys.executable, "-m", "affectstream", "analyze", *videos, "--out", str(out), *flags]
    subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.DEVNULL)
    return {name: _rows(out, name) for name in TABLES}


def _rows(out: Path, name: str) -> pa.Table:
    table = ds.dataset(out / name, format="parquet").to_table().drop_columns(["run_id"])
    words = [i for i, field in enumerate(table.schema) if pa.types.is_dictionary(field.type)]
    for i in words:
        table = table.set_column(i, table.schema[i].name, table.column(i).cast(pa.string()))
    return table.sort_by([("stream_id", "ascending"), *((column, "ascending") for column in SORTED_BY[name])])


def main() -> None:
    """Compare what the command line asks for."""
    arguments, flags = sys.argv[1:], []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, flags = arguments[:at], arguments[at + 1 :]
    other, *videos = arguments
    with tempfile.TemporaryDirectory() as folder:
        here = analyzed(HERE, videos, flags, Path(folder) / "here")
        there = analyzed(Path(other), videos, flags, Path(folder) / "there")
    differ = [name for name in TABLES if not here[name].equals(there[name])]
    for name in TABLES:
        verdict = "differ" if name in differ else "the same"
        print(f"{name}: {here[name].num_rows} rows here, {there[name].num_rows} there: {verdict}")
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
