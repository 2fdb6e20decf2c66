"""Results of earlier versions, copied to where they can be changed."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from affectstream import analyze
from pipeline.results.commits import StreamReport

FIXTURES = Path(__file__).parents[2] / "fixtures"
OLD = ["results-0.1"]
FORMATS = ["parquet", "merged", "csv", "jsonl"]


@dataclass(frozen=True)
class OldResults:
    """A copy of what an old version wrote, and of what it analysed."""

    out: Path
    footage: Path
    networks: Path
    kind: str

    @property
    def options(self):
        """Options of the command that name the networks."""
        networks = ("--network", self.networks / "affect", "--detector", self.networks / "detector")
        return [*networks, "--runtime", "onnxruntime", *(["--landmarks"] if self.kind == "parquet" else [])]

    def analyze_again(self, **settings):
        """What the user does who goes on with it."""
        return analyze(
            list=self.footage / "people.csv",
            out=self.out,
            network=str(self.networks / "affect"),
            detector=str(self.networks / "detector"),
            runtime="onnxruntime",
            format="parquet" if self.kind == "merged" else self.kind,
            landmarks=self.kind == "parquet",
            **settings,
        )

    def commits(self):
        """The bytes of each commit, by the name of its source."""
        return {path.name.split("~")[0]: path.read_bytes() for path in (self.out / "_commits").iterdir()}

    def reports(self):
        """What each commit says of how its source was analysed."""
        parsed = TypeAdapter(StreamReport).validate_python  # fields that are new since have their defaults
        return {name: parsed(json.loads(content)["report"]) for name, content in self.commits().items()}


def old_results(root: Path, version: str, kind: str) -> OldResults:
    """Copy results to `root`; sources are there, as old as they were."""
    for name in ("footage", "networks", kind):
        shutil.copytree(FIXTURES / version / name, root / name)
    results = OldResults(root / kind, root / "footage", root / "networks", kind)
    for path in [results.out / "run.json", *(results.out / "_commits").iterdir()]:
        path.write_text(path.read_text().replace(f"/tmp/{version}/footage", str(results.footage)))
    for content in results.commits().values():
        source = json.loads(content)["source"]
        path = Path(source["uri"].removeprefix("file://"))
        os.utime(path, ns=(source["mtime_ns"], source["mtime_ns"]))
    return results
