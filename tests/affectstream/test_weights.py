"""``affectstream weights``: what it says, what it refuses, what lies on the disk afterwards."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
import torch

from affectstream import download
from affectstream.app import run as run_command
from engines import open_network
from engines.network import network_names, write_spec
from tests.affectstream.file_server import serving
from tests.training.made_up import made_up_weights
from training import public_checkpoint
from training.emofan.network import EmoFAN, EmoFANConfig
from training.public_files import PUBLIC_FILES

YUNET = PUBLIC_FILES["yunet"]


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """The user's own networks; what is pulled goes beside them."""
    monkeypatch.setenv("AFFECTSTREAM_NETWORKS", str(tmp_path / "networks"))
    monkeypatch.setenv("AFFECTSTREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "networks"


@pytest.fixture
def weights(networks, capsys):
    """Runs the command: exit code, what it printed."""

    def run(*arguments):
        code = run_command(["weights", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


@pytest.fixture
def exported(monkeypatch):
    """Exporting takes half a minute and is tested elsewhere; here the model of another network stands in."""

    def export(served, spec, samples, folder):
        shutil.copytree(open_network("emofan-s").folder, folder)
        write_spec(replace(spec, sha256=open_network("emofan-s").spec.sha256), folder)

    monkeypatch.setattr(public_checkpoint, "export", export)


def checkpoint(path, num_classes):
    """A made-up checkpoint as a file."""
    state = EmoFAN(EmoFANConfig(num_classes=num_classes)).state_dict()
    torch.save(made_up_weights({name: tuple(value.shape) for name, value in state.items()}), path)
    return path


def test_an_imported_network_is_found_by_name_and_says_whose_it_is(weights, exported, networks, tmp_path):
    file = checkpoint(tmp_path / "emonet_8.pth", 8)
    code, told = weights("import", file)
    assert code == 0, told
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"8 classes, SHA-256 {digest}" in told
    assert "no file that we know" in told
    assert told.index("CC BY-NC-ND 4.0") < told.index(str(networks / "emofan"))
    assert "visibility is not calibrated" in told
    assert "--network emofan" in told
    assert "fifth class" not in told
    spec = json.loads((networks / "emofan" / "network.json").read_text())
    assert spec["licence"].startswith("CC BY-NC-ND 4.0")
    assert "github.com/face-analysis/emonet" in spec["licence"]
    assert digest in spec["licence"]
    assert network_names() == ["emofan", "emofan-s", "face-s"]
    assert open_network("emofan").folder == networks / "emofan"

    stamp = (networks / "emofan" / "network.json").stat().st_mtime_ns
    code, told = weights("import", file)
    assert (code, "nothing to do" in told) == (0, True)
    assert (networks / "emofan" / "network.json").stat().st_mtime_ns == stamp
    code, told = weights("import", file, "--force")
    assert (code, "nothing to do" in told) == (0, False)
    assert (networks / "emofan" / "network.json").stat().st_mtime_ns > stamp

    code, told = weights("list")
    assert code == 0
    rows = {line.split()[0]: line for line in told.splitlines() if line.strip()}
    assert "shipped" in rows["emofan-s"]
    assert "64×64 luma" in rows["emofan-s"]
    for part in ("yours", "8", "256×256 RGB", "CC BY-NC-ND 4.0"):
        assert part in rows["emofan"]
    assert "emofan: visibility is not calibrated" in told


def test_the_conflict_over_the_fifth_class_is_told_and_kept(weights, exported, networks, tmp_path):
    file = checkpoint(tmp_path / "emonet_5.pth", 5)
    for arguments, name, fifth in (((), "emofan-5", "anger"), (("--fifth-class", "fear", "--name", "f"), "f", "fear")):
        code, told = weights("import", file, *arguments)
        assert code == 0, told
        assert f"fifth class is read as {fifth}" in told
        spec = json.loads((networks / name / "network.json").read_text())
        assert spec["classes"] == ["neutral", "happiness", "sadness", "surprise", fifth]
        assert "its demo calls it fear" in spec["notes"][0]


def test_what_cannot_be_imported_gets_a_clear_line(weights, networks, tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    file = checkpoint(tmp_path / "emonet_8.pth", 8)
    torch.save({0: torch.zeros(1)}, tmp_path / "numbers.pth")
    (networks / "emofan").mkdir(parents=True)
    for arguments, part in (
        (["nowhere.pth"], "no such file"),
        ([tmp_path / "text.pth"], "PyTorch cannot read it"),
        ([file, "--name", "emofan-s"], "a shipped network is called so"),
        ([file, "--fifth-class", "fear"], "for the 5-class checkpoint"),
        ([file, "--fifth-class", "joy"], "'joy'"),
        ([file], "--force replaces it"),
        ([file, "--out", tmp_path / "text.pth"], "--force replaces it"),
        ([file, "--out", tmp_path / "text.pth", "--force"], "is no network folder"),
        ([tmp_path / "numbers.pth"], "no plain list of weights"),
    ):
        code, told = weights("import", *arguments)
        assert code == 2, told
        assert part in told
    assert list(networks.rglob("*")) == [networks / "emofan"]


def test_importing_without_pytorch_says_what_to_install(weights, monkeypatch, tmp_path):
    monkeypatch.setattr("affectstream.commands.weights.find_spec", lambda name: None)
    code, told = weights("import", tmp_path / "emonet_8.pth")
    assert code == 5
    assert "pip install 'affectstream[train]'" in told


def test_nothing_is_fetched_to_be_imported_where_importing_cannot_work(weights, served, monkeypatch):
    monkeypatch.setattr("affectstream.commands.weights.find_spec", lambda name: None if name == "onnx" else name)
    code, told = weights("pull", "emonet_8", "--accept-licence", "--import")
    assert (code, "importing needs onnx:" in told) == (5, True)
    assert served.asked == []


@pytest.fixture
def served(monkeypatch, tmp_path):
    """All public files come from a server on this machine, which has a made-up checkpoint."""
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    content = checkpoint(tmp_path / "made-up.pth", 8).read_bytes()
    with serving(content, monkeypatch) as server:
        for name, file in PUBLIC_FILES.items():
            here = replace(
                file,
                url=server.url.replace("file.bin", file.file_name),
                sha256=hashlib.sha256(content).hexdigest(),
                size_bytes=len(content),
            )
            monkeypatch.setitem(PUBLIC_FILES, name, here)
        yield server


def test_pulling_nothing_shows_what_there_is(weights):
    code, told = weights("pull")
    assert code == 0
    for part in ("emonet_8", "emonet_5", "yunet", "56.1 MB", "CC BY-NC-ND 4.0", "MIT"):
        assert part in told


def test_terms_must_be_accepted_before_anything_is_fetched(weights, served, tmp_path):
    code, told = weights("pull", "emonet_8")
    assert code == 4
    assert "CC BY-NC-ND 4.0: non-commercial" in told
    assert "--accept-licence" in told
    assert served.asked == []
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 4)])
def test_at_a_terminal_one_is_asked_for_the_terms(weights, served, monkeypatch, tmp_path, answer, code):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: answer)
    assert weights("pull", "emonet_5", "--out", tmp_path / "here")[0] == code
    assert (tmp_path / "here" / "emonet_5.pth").exists() is answer


def test_a_checkpoint_is_pulled_and_imported(weights, served, exported, networks, tmp_path):
    served.cuts = [1_000_000]
    code, told = weights("pull", "emonet_8", "--accept-licence")
    path = tmp_path / "cache" / "downloads" / "emonet_8.pth"
    assert code == 0, told
    assert f"affectstream weights import {path}" in told
    assert path.read_bytes() == served.content
    assert served.asked == [None, "bytes=1000000-"]
    assert not networks.exists()
    code, told = weights("pull", "emonet_8", "--accept-licence", "--import")
    assert code == 0, told
    assert "that is emonet_8 as it is known to be published" in told
    assert open_network("emofan").folder == networks / "emofan"
    assert len(served.asked) == 2  # what is there is not fetched again


def test_a_detector_is_pulled_without_asking(weights, served, tmp_path):
    code, told = weights("pull", "yunet", "--out", tmp_path / "here")
    assert code == 0, told
    assert f"--detector {tmp_path / 'here' / YUNET.file_name}" in told


def test_a_mirror_and_another_sha256_can_be_given_for_one_file(weights, served, tmp_path):
    served.content = b"a newer YuNet"
    digest = hashlib.sha256(served.content).hexdigest()
    code, told = weights("pull", "yunet", "--out", tmp_path, "--url", served.url, "--sha256", digest.upper())
    assert code == 0, told
    assert (tmp_path / YUNET.file_name).read_bytes() == served.content


def test_a_wrong_file_fails_and_is_gone(weights, served, tmp_path):
    served.content = served.content[::-1]
    code, told = weights("pull", "yunet", "--out", tmp_path / "here")
    assert code == 3
    assert "gives another file" in told
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["emonet8"], "did you mean 'emonet_8'"),
        (["yunet", "emonet_8", "--url", "https://host/file"], "one NAME at a time"),
        (["yunet", "--sha256", "123"], "64 hexadecimal digits"),
        (["yunet", "--url", "file:///etc/hostname"], "must begin with https://"),
        (["yunet", "--url", "http://[bad/x"], "not an address to download from"),
        (["yunet", "--url", "http://127.0.0.1:9/ü"], "not an address to download from"),
    ],
)
def test_what_cannot_be_pulled_gets_a_clear_line(weights, arguments, part):
    code, told = weights("pull", *arguments)
    assert code == 2, told
    assert part in told


@pytest.mark.parametrize("name", PUBLIC_FILES)
def test_every_public_file_is_pinned_and_licensed(name):
    file = PUBLIC_FILES[name]
    assert file.url.startswith("https://")
    assert len(bytes.fromhex(file.sha256)) == 32
    assert file.must_accept == ("NC" in file.licence)
