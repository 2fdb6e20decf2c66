"""The engine seam: padding, batch shapes, building, verifying, refusing."""

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from engines import (
    EngineError,
    EngineInfo,
    EngineOptions,
    NetworkError,
    VerificationError,
    load_engine,
    open_network,
    store,
)
from engines.engine import FixedShapeEngine, _chunks
from engines.network import InputSpec, NetworkSpec, OutputSpec, write_spec
from engines.runtimes.cpu import cpu_batch_sizes
from engines.runtimes.openvino import ModelCompiler
from engines.store import build, engine_folder, list_engines, reference_engine
from engines.verify import check_same

INFO = EngineInfo(id="test", runtime="test", precision="f32", device="test")
SPEC = NetworkSpec(
    name="sum",
    kind="affect",
    sha256="0",
    licence="none",
    input=InputSpec(channels=1, height_px=4, width_px=4),
    outputs={"total": OutputSpec(shape=[], unit="1", atol=1e-6)},
)


def sums(shapes=(8, 2), seen=None, on_batch=lambda: None):
    """An engine that sums pixels, and notes the batches it was run at."""

    def compile_shape(shape):
        def run(images):
            assert images.shape == shape
            if seen is not None:
                seen.append(shape[0])
            return {"total": images.sum((1, 2, 3)).astype(np.float32)}

        return run

    return FixedShapeEngine(SPEC, INFO, shapes, compile_shape, on_batch)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 7, 8, 9, 17, 40])
def test_any_number_of_pictures_gets_as_many_answers_in_order(count):
    images = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 1), np.uint8)
    assert sums().run(images)["total"].tolist() == images.sum((1, 2, 3)).tolist()


@pytest.mark.parametrize("count", range(1, 60))
def test_batches_cover_all_pictures_and_little_more(count):
    chunks = _chunks(count, (16, 4, 1))
    assert sum(inside for _, inside in chunks) == count
    assert all(0 < inside <= shape for shape, inside in chunks)
    assert sum(shape for shape, _ in chunks) < count + 8


def test_only_compiled_shapes_are_run():
    seen = []
    sums((8, 2), seen).run(np.zeros((11, 4, 4, 1), np.uint8))
    assert set(seen) <= {8, 2}


def test_every_batch_is_told_as_it_is_done():
    told, seen = [], []
    sums(seen=seen, on_batch=lambda: told.append(len(seen))).run(np.zeros((20, 4, 4, 1), np.uint8))
    assert told == [1, 2, 3, 4]


def test_a_batch_of_large_crops_holds_few_of_them():
    large = replace(SPEC, input=InputSpec(channels=3, height_px=256, width_px=256))
    assert cpu_batch_sizes(large) == (4, 1)
    assert cpu_batch_sizes(open_network("emofan-s").spec) == (16, 4, 1)
    assert cpu_batch_sizes(open_network("face-s").spec) == (1,)


@pytest.mark.parametrize(
    "images", [np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4, 1), np.float32), np.zeros((1, 5, 4, 1), np.uint8)]
)
def test_pictures_that_do_not_fit_are_refused_with_what_is_expected(images):
    with pytest.raises(EngineError, match=r"expected|must be uint8"):
        sums().run(images)


@pytest.mark.parametrize("name", ["emofan-s", "face-s"])
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_shipped_networks_agree_with_the_reference_on_every_runtime(name, runtime):
    network = open_network(name)
    engine = load_engine(network, EngineOptions(runtime=runtime, threads=1))
    worst = check_same(engine, reference_engine(network), network.samples)
    assert set(worst) == set(network.spec.outputs)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_faces_numbers_do_not_depend_on_its_neighbours(runtime):
    network = open_network("emofan-s")
    engine = load_engine(network, EngineOptions(runtime=runtime, threads=1))
    images = np.resize(network.samples, (21, *network.samples.shape[1:]))
    together = engine.run(images)
    for i in (0, 7, 20):
        alone = engine.run(images[i : i + 1])
        for output in together:
            np.testing.assert_allclose(alone[output][0], together[output][i], atol=1e-4)


def test_emofan_gives_values_in_their_ranges():
    network = open_network("emofan-s")
    noise = np.random.default_rng(0).integers(0, 256, (8, *network.samples.shape[1:]), np.uint8)
    out = load_engine(network, EngineOptions(threads=1)).run(noise)
    np.testing.assert_allclose(out["expression"].sum(1), 1, atol=1e-5)
    assert np.abs(out["valence"]).max() <= 1
    assert np.abs(out["arousal"]).max() <= 1
    assert np.isfinite(out["landmarks"]).all()


def test_an_engine_is_built_once_and_named_after_all_it_depends_on():
    network = open_network("emofan-s")
    one, two = EngineOptions(threads=1), EngineOptions(threads=2)
    folder = build(network, one)
    stamp = (folder / "engine.json").stat().st_mtime_ns
    assert build(network, one) == folder
    assert (folder / "engine.json").stat().st_mtime_ns == stamp
    assert engine_folder(network, two) != folder
    strict = {name: replace(output, atol=0.0) for name, output in network.spec.outputs.items()}
    for spec in (replace(network.spec, sha256="f" * 64), replace(network.spec, outputs=strict)):
        assert engine_folder(replace(network, spec=spec), one) != folder
    content = json.loads((folder / "engine.json").read_text())
    assert content["network_sha256"] == network.spec.sha256
    assert set(content["max_abs_difference"]) == set(network.spec.outputs)
    assert str(folder) in {engine["folder"] for engine in list_engines()}


@pytest.fixture
def copied(tmp_path):
    """The shipped EmoFAN, copied to where it may be spoilt."""
    shutil.copytree(open_network("emofan-s").folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_an_engine_outside_its_tolerance_is_refused_and_not_kept(copied):
    spec = open_network(copied).spec
    strict = {name: replace(output, atol=-1.0) for name, output in spec.outputs.items()}
    write_spec(replace(spec, outputs=strict), copied)
    network = open_network(copied)
    with pytest.raises(VerificationError, match="differs from the float32 reference"):
        load_engine(network, EngineOptions(threads=1))
    assert not engine_folder(network, EngineOptions(threads=1)).exists()


def test_not_a_number_is_outside_any_tolerance():
    class Broken:
        spec, info = SPEC, INFO

        def run(self, images):
            return {"total": np.full(len(images), np.nan, np.float32)}

    with pytest.raises(VerificationError):
        check_same(Broken(), sums(), np.zeros((2, 4, 4, 1), np.uint8))


def test_a_damaged_model_is_refused(copied):
    model = copied / "network.onnx"
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    with pytest.raises(NetworkError, match="damaged or replaced"):
        open_network(copied)


@pytest.mark.parametrize("change", [{"classes": None}, {"outputs": []}, {"sha256": 1e308}, {"input": 3}])
def test_a_spec_of_the_wrong_shape_is_refused(copied, change):
    path = copied / "network.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(NetworkError, match=r"network\.(json|onnx)"):
        open_network(copied)


@pytest.mark.parametrize("damage", [lambda data: data[:900], lambda data: data[:2000] + bytes(500) + data[2500:]])
def test_damaged_samples_are_refused(copied, damage):
    path = copied / "samples.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(NetworkError, match=r"samples\.npz: damaged"):
        load_engine(open_network(copied))


def test_an_unknown_network_gets_the_nearest_name():
    with pytest.raises(NetworkError, match="did you mean 'emofan-s'"):
        open_network("emofan_s")


def test_an_unknown_key_in_a_spec_is_named(copied):
    path = copied / "network.json"
    path.write_text(path.read_text().replace('"licence"', '"license"'))
    with pytest.raises(NetworkError, match="license"):
        open_network(copied)


def test_unknown_runtimes_and_precisions_list_what_there_is():
    network = open_network("emofan-s")
    with pytest.raises(EngineError, match="openvino, onnxruntime"):
        load_engine(network, EngineOptions(runtime="magic"))
    with pytest.raises(EngineError, match="f32"):
        load_engine(network, EngineOptions(runtime="onnxruntime", precision="int3"))


@pytest.mark.parametrize("file", ["yunet_n_640_640.onnx", "yunet_n_dynamic.onnx"])
def test_a_yunet_file_is_a_detector(shared, file):
    engine = load_engine(open_network(shared / "models" / file))
    found = engine.run(np.zeros((2, 96, 128, 3), np.uint8))
    assert found["boxes"].shape[::2] == (2, 4)
    assert found["scores"].max(initial=0) < 0.5


def test_another_onnx_file_is_no_yunet():
    model = open_network("emofan-s").model_path
    with pytest.raises(NetworkError, match="not a YuNet"):
        load_engine(open_network(model))


def test_a_yunet_file_is_not_built(shared):
    network = open_network(shared / "models" / "yunet_n_640_640.onnx")
    with pytest.raises(EngineError, match="no engine is built"):
        build(network)


def test_an_engine_that_is_built_anew_can_be_loaded_meanwhile():
    network, options = open_network("face-s"), EngineOptions(threads=1)
    build(network, options)
    images = np.zeros((1, 64, 64, 1), np.uint8)
    again = "from engines import *; from engines.store import build\n"
    again += "for _ in range(5): build(open_network('face-s'), EngineOptions(threads=1), again=True)"
    builder = subprocess.Popen([sys.executable, "-c", again])
    while builder.poll() is None:
        assert load_engine(network, options).run(images)["scores"].shape[0] == 1
    assert builder.returncode == 0


def test_what_a_broken_build_left_is_cleared_and_never_put_in_place(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTSTREAM_CACHE", str(tmp_path))
    network, options = open_network("face-s"), EngineOptions(threads=1)
    place = engine_folder(network, options)
    halves = [place.with_name(f"_{place.name}.{name}") for name in (os.getpid(), f"{os.getpid()}.old", 1, "f" * 32)]
    for half in halves:
        (half / "compiled").mkdir(parents=True)
        (half / "compiled" / "junk.blob").write_bytes(b"half")
    other = place.with_name(f"_{place.name.replace('f32', 'bf16')}.{os.getpid()}")
    other.mkdir()
    load_engine(network, options).run(np.zeros((1, 64, 64, 1), np.uint8))
    assert not [half for half in halves if half.exists()]
    assert not list(place.rglob("junk.blob"))
    assert other.is_dir()  # another engine's, whose lock this build does not hold


def test_a_build_that_fails_leaves_nothing_and_the_next_one_succeeds(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTSTREAM_CACHE", str(tmp_path))
    network, options = open_network("face-s"), EngineOptions(threads=1)

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("engines.store._write_json", full)
        with pytest.raises(EngineError, match="No space left on device"):
            build(network, options)
    assert not [path for path in (tmp_path / "engines").iterdir() if path.is_dir()]
    assert build(network, options).is_dir()


@pytest.fixture
def skewed(tmp_path, monkeypatch):
    """OpenVINO compiles heights wrongly that are no multiple of 128 px; counts how often the reference is opened."""
    monkeypatch.setenv("AFFECTSTREAM_CACHE", str(tmp_path))
    compile_shape, opened = ModelCompiler.__call__, []

    def compile_wrongly(self, shape):
        run = compile_shape(self, shape)
        skew = 0.1 if shape[1] % 128 else 0.0
        return lambda images: {name: value + skew for name, value in run(images).items()}

    monkeypatch.setattr(ModelCompiler, "__call__", compile_wrongly)
    monkeypatch.setattr(store, "reference_engine", lambda network: opened.append(1) or reference_engine(network))
    return opened


def test_every_shape_that_is_compiled_is_verified(skewed):
    engine = load_engine(open_network("face-s"), EngineOptions(threads=1))
    engine.run(np.zeros((1, 384, 640, 1), np.uint8))
    engine.run(np.zeros((1, 128, 640, 1), np.uint8))
    for _ in range(2):
        with pytest.raises(VerificationError, match="differs from the float32 reference"):
            engine.run(np.zeros((1, 192, 640, 1), np.uint8))


def test_a_shape_is_verified_once_per_engine_and_not_once_per_process(skewed):
    for _ in range(3):
        engine = load_engine(open_network("face-s"), EngineOptions(threads=1))
        engine.run(np.zeros((1, 384, 640, 1), np.uint8))
        engine.run(np.zeros((1, 128, 640, 1), np.uint8))
    assert len(skewed) == 2


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AFFECTSTREAM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EngineError, match="AFFECTSTREAM_CACHE"):
        load_engine(open_network("face-s"))


@pytest.mark.parametrize("name", ["emofan-s", "face-s"])
def test_a_shipped_network_holds_no_paths_of_the_machine_that_exported_it(name):
    content = open_network(name).model_path.read_bytes()
    assert b".py" not in content
    assert b"site-packages" not in content
