"""Proof that an engine gives the reference's numbers. Used by the build, the tests and the command."""

import numpy as np

from engines.engine import Engine
from engines.errors import VerificationError


def check_same(candidate: Engine, reference: Engine, images: np.ndarray) -> dict[str, float]:
    """Largest absolute difference per output over `images` (K, H, W, C) uint8.

    Raises VerificationError where it exceeds the tolerance that the network states, or is not a number.
    """
    got, want = candidate.run(images), reference.run(images)
    worst = {name: float(np.abs(got[name] - want[name]).max()) for name in reference.spec.outputs}
    allowed = {name: output.atol for name, output in reference.spec.outputs.items()}
    bad = {name: difference for name, difference in worst.items() if not difference <= allowed[name]}
    if bad:
        told = ", ".join(
            f"{name} by {difference:.2g} (allowed {allowed[name]:.2g})" for name, difference in bad.items()
        )
        raise VerificationError(f"{candidate.info.id}: differs from the float32 reference: {told}; not kept")
    return worst
