"""Two rounds of `python -m tests.faults.kill`, which has as many as are asked for."""

import pytest

from tests.faults.kill import make_clips, one_round, unbroken

pytest.importorskip("ray", reason="Ray is not installed: pip install 'affectstream[ray]'")


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_a_run_on_ray_that_is_broken_and_gone_on_with_loses_no_row(tmp_path, victim, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    make_clips(tmp_path / "clips", 10)
    reference = unbroken(tmp_path / "clips", tmp_path / "whole")
    out = tmp_path / "out"
    killed, code = one_round(tmp_path / "clips", reference, out, victim, lambda s: any(out.glob("_commits/[!_]*")))
    assert killed == victim
    assert code == (-9 if victim == "driver" else 0)
