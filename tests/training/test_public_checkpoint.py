"""Public EmoNet checkpoints, made up by the rule of the reference numbers: read, refused, imported, served."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from affectstream import analyze
from engines import EXPRESSIONS, EngineOptions, load_engine, open_network
from engines.network import CropSpec, network_names, write_spec
from engines.runtimes import cpu
from tests.training.made_up import made_up_images, made_up_weights
from training import public_checkpoint as module
from training.emofan.network import EmoFAN, EmoFANConfig
from training.errors import TrainingError
from training.export import ServedEmoFAN, TorchEngine
from training.public_checkpoint import class_names, drawn_samples, import_checkpoint, read_checkpoint
from training.public_files import PUBLIC_FILES


def save(folder, num_classes=8, *, prefix="", legacy=False, change=lambda state: None):
    """A made-up checkpoint as a file; the shapes are proved to be the public ones in test_emofan."""
    shapes = {
        name: tuple(value.shape) for name, value in EmoFAN(EmoFANConfig(num_classes=num_classes)).state_dict().items()
    }
    state = {prefix + name: value for name, value in made_up_weights(shapes).items()}
    change(state)
    path = folder / f"emonet_{num_classes}.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return read_checkpoint(save(tmp_path_factory.mktemp("eight")))


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    return read_checkpoint(save(tmp_path_factory.mktemp("five"), 5))


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """The user's own networks."""
    monkeypatch.setenv("AFFECTSTREAM_NETWORKS", str(tmp_path / "networks"))
    return tmp_path / "networks"


@pytest.mark.parametrize("legacy", [False, True])
def test_module_before_every_name_changes_nothing(eight, tmp_path, legacy):
    other = read_checkpoint(save(tmp_path, prefix="module.", legacy=legacy))
    assert other.num_classes == eight.num_classes == 8
    assert other.sha256 != eight.sha256
    assert list(other.state) == list(eight.state)
    assert all(torch.equal(other.state[name], value) for name, value in eight.state.items())


def test_the_sha256_is_of_the_file(eight):
    assert eight.sha256 == hashlib.sha256(eight.path.read_bytes()).hexdigest()
    assert eight.known_as is None
    assert replace(eight, sha256=PUBLIC_FILES["emonet_8"].sha256).known_as == "emonet_8"


def test_the_public_files_differ_in_size_by_three_classes_of_the_last_layer():
    """An independent sign that the two pinned sizes, and so the two SHA-256, are of the files they are said to be."""
    assert PUBLIC_FILES["emonet_8"].size_bytes - PUBLIC_FILES["emonet_5"].size_bytes == 3 * (128 + 1) * 4


def rename(state):
    state["conv9.weight"] = state.pop("conv1.weight")


def reshape(state):
    state["l0.weight"] = torch.zeros(98, 256, 1, 1)


def seven_classes(state):
    state["emo_fc_2.3.weight"], state["emo_fc_2.3.bias"] = torch.zeros(9, 128), torch.zeros(9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (rename, r"1 missing \(conv1.weight\); 1 unexpected \(conv9.weight\)"),
        (reshape, r"l0.weight is \(98, 256, 1, 1\) and not \(68, 256, 1, 1\)"),
        (seven_classes, r"2 of another shape \(emo_fc_2.3.weight is \(9, 128\) and not \(10, 128\)"),
        (dict.clear, r"missing \(conv1.weight, conv1.bias, bn1.weight, bn1.bias, …\)"),
        (lambda state: state.update(epoch=3), "no plain list of weights"),
    ],
)
def test_another_networks_checkpoint_is_refused_with_what_is_different(tmp_path, change, told):
    path = save(tmp_path, change=change)
    with pytest.raises(TrainingError, match=told):
        read_checkpoint(path)


class Exploit:
    """A pickle that would run a command where it is loaded carelessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("content", [b"", b"no weights\n" * 50, b"PK\x03\x04 and no more"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(TrainingError, match="cannot read it as plain weights"):
        read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(TrainingError, match="no such file"):
        read_checkpoint(tmp_path / "b.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"conv1.weight": Exploit(tmp_path / "ran")}, tmp_path / "a.pth")
    with pytest.raises(TrainingError, match="cannot read it as plain weights"):
        read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "ran").exists()


def test_the_fifth_class_is_anger_unless_somebody_knows_better():
    assert class_names(8) == list(EXPRESSIONS)
    assert class_names(5) == ["neutral", "happiness", "sadness", "surprise", "anger"]
    assert class_names(5, "fear") == ["neutral", "happiness", "sadness", "surprise", "fear"]
    with pytest.raises(TrainingError, match="must be one of anger, fear, got 'disgust'"):
        class_names(5, "disgust")
    with pytest.raises(TrainingError, match="is for the 5-class checkpoint"):
        class_names(8, "fear")


@pytest.mark.parametrize("name", ["emofan-s", "face-s", "", "..", "a/b", "_x"])
def test_shipped_names_and_what_is_no_name_are_refused(eight, networks, name):
    with pytest.raises(TrainingError, match="--name"):
        import_checkpoint(eight, networks / "x", name=name, classes=EXPRESSIONS)
    assert not networks.exists()


def test_the_same_file_again_does_nothing_and_another_needs_force(eight, five, networks, monkeypatch):
    calls = []

    def export(served, spec, samples, folder):
        calls.append(spec)
        shutil.copytree(open_network("emofan-s").folder, folder)
        write_spec(replace(spec, sha256=open_network("emofan-s").spec.sha256), folder)

    monkeypatch.setattr(module, "export", export)
    folder = networks / "emofan"
    for _ in range(2):
        network = import_checkpoint(eight, folder, name="emofan", classes=class_names(8))
    assert len(calls) == 1
    assert eight.sha256 in network.spec.licence
    assert "non-commercial" in network.spec.licence
    with pytest.raises(TrainingError, match="--force replaces it"):
        import_checkpoint(five, folder, name="emofan", classes=class_names(5))
    assert len(calls) == 1
    network = import_checkpoint(five, folder, name="emofan", classes=class_names(5), force=True)
    assert network.spec.classes == class_names(5)
    assert "anger there, its demo calls it fear" in network.spec.notes[0]
    with pytest.raises(TrainingError, match="--force replaces it"):  # the same file, read otherwise
        import_checkpoint(five, folder, name="emofan", classes=class_names(5, "fear"))
    assert [path.name for path in networks.iterdir()] == ["emofan"]
    (folder / "network.onnx").write_bytes(b"damaged")
    import_checkpoint(five, folder, name="emofan", classes=class_names(5), force=True)
    assert len(calls) == 3


def test_an_import_that_fails_leaves_nothing_and_what_was_there_as_it_was(eight, networks, monkeypatch):
    def export(served, spec, samples, folder):
        folder.mkdir()
        (folder / "network.onnx").write_bytes(b"half")
        raise TrainingError("not PyTorch's numbers")

    monkeypatch.setattr(module, "export", export)
    (networks / "emofan").mkdir(parents=True)
    (networks / "emofan" / "network.json").write_text("{}")
    for name in ("emofan", "other"):
        with pytest.raises(TrainingError, match="not PyTorch's numbers"):
            import_checkpoint(eight, networks / name, name=name, classes=EXPRESSIONS, force=True)
    assert [path.name for path in networks.rglob("*")] == ["emofan", "network.json"]


def test_a_folder_that_holds_no_network_is_never_replaced(eight, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").touch()
    with pytest.raises(TrainingError, match="is no network folder"):
        import_checkpoint(eight, tmp_path / "photos", name="mine", classes=EXPRESSIONS, force=True)
    assert (tmp_path / "photos" / "holiday.jpg").exists()


def test_samples_are_coloured_and_always_the_same():
    samples = drawn_samples(64, 2)
    assert samples.shape == (2, 64, 64, 3)
    assert samples.dtype == np.uint8
    assert np.abs(samples[..., 0].astype(int) - samples[..., 2]).mean() > 3
    np.testing.assert_array_equal(samples, drawn_samples(64, 2))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("num_classes", [8, 5])
def test_an_imported_checkpoint_gives_the_public_codes_numbers_wherever_it_runs(
    shared, networks, drawn_video, tmp_path, monkeypatch, num_classes
):
    shapes = json.loads((shared / "fixtures" / "emonet_state_dict_shapes.json").read_text())[str(num_classes)]
    weights = made_up_weights(shapes)
    prefix = "module." if num_classes == 8 else ""
    torch.save({prefix + name: value for name, value in weights.items()}, tmp_path / "emonet.pth")
    checkpoint = read_checkpoint(tmp_path / "emonet.pth")
    classes = class_names(num_classes)
    import_checkpoint(checkpoint, networks / "emofan", name="emofan", classes=classes)
    network = open_network("emofan")
    assert "emofan" in network_names()
    assert network.spec.crop == CropSpec(factor=200 / 220, resample="bilinear", fill=0)
    assert network.spec.weak_labels is False

    # One face at a time: every batch shape is compiled alike, and larger ones only cost time here.
    monkeypatch.setitem(cpu.BATCH_SIZES, "affect", (1,))
    images = made_up_images()
    with np.load(shared / "fixtures" / "emonet_reference.npz") as reference:
        logits = reference[f"expression_{num_classes}"].astype(float)
        wanted = {name: reference[f"{name}_{num_classes}"].clip(-1, 1) for name in ("valence", "arousal")}
    wanted["expression"] = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    model = EmoFAN(EmoFANConfig(num_classes=num_classes)).eval()
    model.load_state_dict(weights)
    torch_says = TorchEngine(ServedEmoFAN(model), network.spec).run(images)
    for runtime in ("onnxruntime", "openvino"):
        got = load_engine(network, EngineOptions(runtime=runtime, threads=1)).run(images)
        for name, value in wanted.items():
            np.testing.assert_allclose(got[name], value, atol=1e-3, err_msg=f"{runtime} {name}")
        for name, value in torch_says.items():
            np.testing.assert_allclose(got[name], value, atol=1e-3 if name != "landmarks" else 1e-2)

    points = analyze(drawn_video, network="emofan", fps=1, threads=1)
    assert points["track_id"].nunique() == 2
    assert np.isfinite(points[["valence", "arousal"]]).all(axis=None)
    known = points[[f"p_{name}" for name in classes]]
    np.testing.assert_allclose(known.sum(axis=1), 1, atol=1e-5)
    assert points[[f"p_{name}" for name in EXPRESSIONS if name not in classes]].isna().all(axis=None)
    assert set(points["expression"]) <= set(classes)
    assert (points["expression"] == [classes[i] for i in known.to_numpy().argmax(1)]).all()
