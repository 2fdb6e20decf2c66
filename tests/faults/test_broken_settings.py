"""Settings and lists of sources with damaged bytes: an answer, or one error that names the file."""

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.sources.find import find_sources
from pipeline.sources.lists import read_list
from tests.faults.mutate import MUTATIONS, mutated

CONFIG = Path(__file__).parents[2] / "configs" / "analyze.yaml"


def typo(content: bytes, rng: random.Random) -> bytes:
    """One to three wrong characters: most settings still parse as YAML."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


@pytest.fixture
def broken(tmp_path):
    """Copies of a file, each with damage of its own."""

    def copies(intact: Path, count: int):
        for number in range(count):
            rng = random.Random(number)
            content, path = intact.read_bytes(), tmp_path / f"broken{intact.suffix}"
            damaged = mutated(content, rng.choice(list(MUTATIONS)), rng) if number % 2 else typo(content, rng)
            path.write_bytes(damaged)
            yield path

    return copies


def refusal(read: Callable[[Path], object], path: Path) -> bool:
    """Whether `path` is refused; then the error must name it, or a source in its folder that is listed twice."""
    try:
        read(path)
    except ConfigError as error:
        text = str(error)
    else:
        return False
    assert str(path.parent) in text
    return True


def test_broken_settings_are_read_or_refused_with_their_place(broken):
    refused = [refusal(load_config, path) for path in broken(CONFIG, 200)]
    assert 50 < sum(refused) < 200


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_broken_lists_are_read_or_refused_with_their_place(broken, tmp_path, suffix):
    names = [f"clips/{i:03d}.mp4" for i in range(40)]
    table = pa.table({"source": names, "person": [f"p{i % 7}" for i in range(40)], "age": range(40)})
    intact = tmp_path / f"intact{suffix}"
    if suffix == ".csv":
        pyarrow.csv.write_csv(table, intact)
    else:
        pq.write_table(table, intact)
    refused = [refusal(lambda path: find_sources(read_list(path)), path) for path in broken(intact, 200)]
    assert 50 < sum(refused) < 200
