"""A run's figures for Prometheus, served while it goes on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.errors import ConfigError
from pipeline.runs.standing import Standing

_ADDRESS = re.compile(r"(?:(?P<host>[^:/]+|\[[0-9a-fA-F:]+\]):)?(?P<port>\d{1,5})")


class _Figures(Collector):
    def __init__(self, standing: Standing):
        self._standing = standing
        self._most: dict[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        now = self._standing.snapshot()
        ends = CounterMetricFamily("affectstream_sources", "Sources that are settled, by how.", labels=["outcome"])
        ends.add_metric(["analysed"], now.analysed)
        ends.add_metric(["failed"], len(now.failed))
        ends.add_metric(["done_before"], now.resumed)
        yield ends
        yield CounterMetricFamily("affectstream_retries", "Jobs that were tried again.", now.retries)
        for name, what, value in (
            ("affectstream_video_seconds", "Stream time analysed.", now.video_s),
            ("affectstream_frames", "Frames analysed.", now.frames),
            ("affectstream_faces", "Faces analysed: rows of points.", now.faces),
        ):
            # What a lost worker had done is taken back; a counter that falls would be taken for one that began anew.
            self._most[name] = max(value, self._most.get(name, 0.0))
            yield CounterMetricFamily(name, what, self._most[name])
        yield GaugeMetricFamily("affectstream_run_sources", "Sources of the run.", now.sources)
        yield GaugeMetricFamily(
            "affectstream_run_share", "Of this call's work, by bytes, what is done, 0..1.", now.share
        )
        yield GaugeMetricFamily("affectstream_run_elapsed_seconds", "Since the first word of a worker.", now.elapsed_s)
        yield GaugeMetricFamily("affectstream_workers", "Workers that are ready or at work.", now.workers)
        yield GaugeMetricFamily("affectstream_sources_at_work", "Sources being analysed.", len(now.at_work))


@contextmanager
def serving(standing: Standing, address: str | None) -> Iterator[None]:
    """Serve `/metrics` at `PORT` of this machine alone, or at `HOST:PORT`; None: nowhere. Raises ConfigError."""
    if address is None:
        yield
        return
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ConfigError(f"--metrics {address}: expected PORT or HOST:PORT, as 9100 or 0.0.0.0:9100")
    registry = CollectorRegistry()
    registry.register(_Figures(standing))
    host = (match["host"] or "127.0.0.1").strip("[]")
    try:
        server, thread = start_http_server(int(match["port"]), addr=host, registry=registry)
    except (OSError, UnicodeError) as exc:
        why = getattr(exc, "strerror", None) or "no such host"
        raise ConfigError(f"--metrics {address}: cannot be served there: {why}; choose another") from exc
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
