"""What many tests share: where the optional data are, a cache of engines, the runners, small videos, a bucket."""

import logging
import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from engines import EngineOptions, load_engine, open_network
from pipeline.config import load_config
from pipeline.runs.run import RunResult, run
from pipeline.sources.find import find_sources
from tests.bad_network import BadNetwork, bad_network
from tests.media import squares, write_video

cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Optional training data, real clips and reference numbers; tests that need them skip where they are absent."""
    folder = Path(os.environ.get("AFFECTSTREAM_DATA", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no data: neither AFFECTSTREAM_DATA nor {folder} is a folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def engine_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Engines and networks of the user's are looked for in a folder of this session's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTSTREAM_CACHE", str(folder))
        patch.setenv("AFFECTSTREAM_NETWORKS", str(folder / "networks"))
        yield folder


@pytest.fixture(scope="session")
def detector():
    """The shipped face detector."""
    return load_engine(open_network("face-s"), EngineOptions(threads=1))


@pytest.fixture(scope="session")
def affect():
    """The shipped EmoFAN."""
    return load_engine(open_network("emofan-s"), EngineOptions(threads=1))


@pytest.fixture(scope="session")
def square_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, two white squares that move."""
    return write_video(tmp_path_factory.mktemp("videos") / "squares.mp4", squares(50), fps=25)


@pytest.fixture(scope="session")
def drawn_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of two drawn people, with the truth beside it."""
    from training.drawn import make_scene
    from training.drawn.footage import write_footage

    path = tmp_path_factory.mktemp("drawn") / "people.mp4"
    scene = make_scene(
        3, size_px=(480, 270), fps=20, duration_s=4.0, num_people=2, style="studio", comings_and_goings=False
    )
    write_footage(scene, path)
    return path


Analyze = Callable[..., RunResult]


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A small Ray that runs on it share. It counts a GPU that is not there, for what shares one."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'affectstream[ray]'")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray warns of its own functions
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            num_cpus=2, num_gpus=1, include_dashboard=False, object_store_memory=100 * 2**20, logging_level="ERROR"
        )
        yield
        ray.shutdown()


@pytest.fixture(params=["in-process", "worker", "ray"])
def analyze_all(request: pytest.FixtureRequest) -> Analyze:
    """Every way to run an analysis: in the caller's process, in a worker, and on Ray."""
    if request.param == "ray":
        if "bucket" in request.fixturenames:
            pytest.skip("the shared Ray began before this bucket; see test_ray.py for one on Ray")
        request.getfixturevalue("local_ray")

    def analyze(sources, out: Path, fresh: bool = False, **settings) -> RunResult:
        overrides = {key.replace("__", "."): value for key, value in settings.items()}
        config = load_config(None, {"networks.threads": 1, **overrides})
        return run(
            find_sources(sources),
            out,
            config,
            in_process=request.param == "in-process",
            ray="local" if request.param == "ray" else None,
            fresh=fresh,
        )

    return analyze


@dataclass
class TestBucket:
    """An empty bucket of its own, and the network before it."""

    __test__ = False  # for pytest

    name: str
    network: BadNetwork

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, content: bytes) -> str:
        """Its address."""
        self._client().put_object(Bucket=self.name, Key=key, Body=content)
        return f"{self.url}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        """Objects; without the empty ones that stand for folders."""
        found = self._client().list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found if not item["Key"].endswith("/")]

    def read(self, key: str) -> bytes:
        return self._client().get_object(Bucket=self.name, Key=key)["Body"].read()

    def create(self) -> None:
        self._client().create_bucket(Bucket=self.name)

    def _client(self):
        import boto3

        # past the bad network
        return boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{self.network.target}")


@pytest.fixture(scope="session")
def object_store() -> Iterator[int]:
    """The port of an object store that speaks S3."""
    server = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    yield store.get_host_and_port()[1]
    store.stop()


@pytest.fixture
def bucket(object_store: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestBucket]:
    """A bucket, reached as users reach theirs: by what the environment says."""
    with bad_network(object_store) as network:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIATESTING",
            "AWS_SECRET_ACCESS_KEY": "a-very-secret-key",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{network.port}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        made = TestBucket(f"bucket-{uuid.uuid4().hex[:12]}", network)
        made.create()
        yield made
