"""Templates to text. Names of files come from anywhere, so everything is escaped unless a template says otherwise."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.faces.quality import BAD, DESCRIPTIONS
from pipeline.report import words
from pipeline.tracks.smoothing import GAP_S_MAX


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # `tojson` escapes <, > and & as well, so that no name can end the script element it is in.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {
        "clock": words.clock,
        "signed": words.signed,
        "percent": words.percent,
        "count": words.count,
    }
    return environment


def render(template: str, run: dict[str, Any], **content: Any) -> str:
    """Fill a template; every page also gets what 'How to read this' needs."""
    network = (run.get("networks") or {}).get("affect") or {}
    reading = {
        "network": network.get("name", ""),
        "weakly_trained": network.get("weak_labels", False),
        "half_width_s": words.half_width_s(run),
        "gap_s": GAP_S_MAX,
        "context": words.context(run),
        "context_reason": run.get("context_reason"),
        "context_stated": run.get("context", "unspecified") != "unspecified",
        "bad": [text for quality, text in DESCRIPTIONS.items() if quality & BAD],
        "weak": [text for quality, text in DESCRIPTIONS.items() if not quality & BAD],
    }
    return _environment().get_template(template).render(reading=reading, run=run, **content)
