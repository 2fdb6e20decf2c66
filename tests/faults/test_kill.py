"""A round of `python -m tests.faults.kill`, which has as many as are asked for, and other victims."""

import pytest

from tests.faults.kill import make_clips, one_round, unbroken

pytest.importorskip("ray", reason="Ray is not installed: pip install 'affectstream[ray]'")


@pytest.mark.slow
def test_a_run_on_ray_that_is_killed_and_gone_on_with_loses_no_row(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    make_clips(tmp_path / "clips", 10)
    reference, out = unbroken(tmp_path / "clips", tmp_path / "whole"), tmp_path / "out"
    ended = one_round(tmp_path / "clips", reference, out, "driver", lambda s: any(out.glob("_commits/[!_]*")))
    assert ended == ("driver", -9)
