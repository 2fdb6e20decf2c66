"""A module of the user's that has the name of a package of ours is named, in one line."""

import subprocess
import sys

import pytest


def python(folder, *arguments):
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", ["pipeline", "engines"])
@pytest.mark.parametrize("kind", ["module", "package", "folder"])
def test_what_hides_a_package_is_named_in_one_line(tmp_path, name, kind):
    if kind == "module":
        (tmp_path / f"{name}.py").write_text("")
    else:
        (tmp_path / name).mkdir()
        if kind == "package":
            (tmp_path / name / "__init__.py").write_text("")
    for arguments in (["-c", "from affectstream import analyze"], ["-m", "affectstream", "--version"]):
        done = python(tmp_path, *arguments)
        said = done.stderr.strip().splitlines()
        if done.returncode == 0 and kind == "folder":
            continue  # a regular package goes before a folder, unless ours is installed in editable form
        assert f"hides the package '{name}' that affectstream needs; rename it" in said[-1]
        assert str(tmp_path / name) in said[-1]
        if "-m" in arguments:
            assert done.returncode == 2
            assert len(said) == 1


def test_a_module_of_another_name_hides_nothing(tmp_path):
    (tmp_path / "pipelines.py").write_text("")
    done = python(tmp_path, "-c", "from affectstream import analyze; print(analyze.__name__)")
    assert (done.returncode, done.stdout) == (0, "analyze\n")
