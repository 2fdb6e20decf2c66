"""One network, compiled and run. `load_engine(open_network("emofan-s"))` is the way in."""

from engines.engine import Engine, EngineInfo, FixedShapeEngine, Outputs
from engines.errors import EngineError, NetworkError, RuntimeMissingError, VerificationError
from engines.network import EXPRESSIONS, BoxMap, Network, NetworkSpec
from engines.store import EngineOptions, load_engine, open_network

__all__ = [
    "EXPRESSIONS",
    "BoxMap",
    "Engine",
    "EngineError",
    "EngineInfo",
    "EngineOptions",
    "FixedShapeEngine",
    "Network",
    "NetworkError",
    "NetworkSpec",
    "Outputs",
    "RuntimeMissingError",
    "VerificationError",
    "load_engine",
    "open_network",
]
