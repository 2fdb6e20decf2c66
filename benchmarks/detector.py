"""Two face detectors in turns on the same pictures: all that runs on a key frame, from a picture to its faces.

python -m benchmarks.detector CLIP OTHER.onnx [ROUNDS]    # face-s and, for example, YuNet

Prints the medians and their ratio, over rounds in which each detector sees the same picture, one after the other.
"""

import sys
import time

import numpy as np

from engines import load_engine, open_network
from pipeline.faces.detection import detect
from pipeline.video.decode import VideoReader


def main() -> None:
    """Measure what the command line asks for."""
    clip, other, *rest = sys.argv[1:]
    rounds = int(rest[0]) if rest else 100
    engines = {name: load_engine(open_network(name)) for name in ("face-s", other)}
    with VideoReader(clip) as reader:
        pictures = [frame.picture() for frame, _ in zip(reader.frames(), range(25), strict=False)]
    spent: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(-5, rounds):  # the first five compile and warm up
        picture = pictures[number % len(pictures)]
        for name, engine in engines.items():
            begun = time.perf_counter()
            detect(engine, picture)
            if number >= 0:
                spent[name].append(time.perf_counter() - begun)
    ours, theirs = (np.array(times) * 1e3 for times in spent.values())
    ratios = ours / theirs
    low, high = np.quantile(ratios, [0.25, 0.75])
    print(f"{clip}: face-s {np.median(ours):.2f} ms, {other} {np.median(theirs):.2f} ms, {rounds} rounds")
    print(f"ratio {np.median(ratios):.3f} (quartiles {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
