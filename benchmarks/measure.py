"""One measurement in a process of its own, so that its memory is its own: prints one line of JSON.

python -m benchmarks.measure decode CLIP
python -m benchmarks.measure analyze CLIP FPS
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pipeline.config import AnalyzeConfig


def decode(clip: Path) -> dict[str, float]:
    """Decoding alone: PyAV, AUTO threads, no conversion."""
    start = time.perf_counter()
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        frames = sum(1 for _ in container.decode(stream))
    wall_s = time.perf_counter() - start
    return {"frames": frames, "wall_s": wall_s, "fps": frames / wall_s}


def analyze(clip: Path, fps: str) -> dict[str, float]:
    """A whole unit, from opening the file to its commit; loading the networks is not in it."""
    from pipeline.config import load_config
    from pipeline.jobs.analyze import analyze_source
    from pipeline.jobs.context import RunContext
    from pipeline.results.commits import StreamReport
    from pipeline.runs.networks import load_engines
    from pipeline.sources.find import find_sources

    config = load_config(None, {"sampling.fps": fps if fps == "native" else float(fps)})
    detector, affect = load_engines(config)
    source = find_sources([clip])[0]
    with tempfile.TemporaryDirectory() as warm, tempfile.TemporaryDirectory() as out:
        analyze_source(
            source, RunContext(run_id="warm", out=warm, config=_short(config), metadata={}), detector, affect
        )
        context = RunContext(run_id="bench", out=out, config=config, metadata={})
        report = analyze_source(source, context, detector, affect)
    assert isinstance(report, StreamReport)
    return {
        "frames": report.frames,
        "faces": report.points,
        "wall_s": report.wall_s,
        "analysed_fps": report.frames / report.wall_s,
        "times_real_time": report.video_s / report.wall_s,
        "first_row_s": report.first_row_s or float("nan"),
    }


def _short(config: "AnalyzeConfig") -> "AnalyzeConfig":
    """The same settings on the first second: compiles what is compiled on first use."""
    return config.model_copy(update={"sampling": config.sampling.model_copy(update={"end_s": 1.0})})


def main() -> None:
    """Measure what the command line asks for."""
    what, clip, *rest = sys.argv[1:]
    figures = decode(Path(clip)) if what == "decode" else analyze(Path(clip), *rest)
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
