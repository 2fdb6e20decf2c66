"""Numbers and settings as a reader wants them: in words."""

from datetime import datetime
from typing import Any

NONE = "–"

CONTEXTS = {
    "unspecified": "not stated",
    "market_research": "market research",
    "public_space": "public space",
}
"""Where the configuration's own word would not do."""


def clock(seconds: float, *, decimals: int = 0) -> str:
    """`1:02:03` or `2:03`; with decimals `2:03.5`."""
    ticks = round(seconds * 10**decimals)
    whole, rest = divmod(ticks, 10**decimals)
    hours, minutes, secs = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"
    return f"{text}.{rest:0{decimals}}" if decimals else text


def signed(value: float | None) -> str:
    """`+0.33`, `−0.27`, or a dash for nothing."""
    if value is None or value != value:
        return NONE
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def percent(part: float, whole: float = 1.0) -> str:
    """`12 %`; what is there but rounds to nothing is `< 1 %`, and what is not quite all never `100 %`."""
    if not whole:
        return NONE
    share = 100 * part / whole
    if 0 < share < 0.5:
        return "< 1 %"
    return f"{min(round(share), 99) if share < 100 else 100} %"


def count(number: int, noun: str = "", plural: str = "") -> str:
    """`1 frame`, `1,200 frames`."""
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number:,} {word}" if noun else f"{number:,}"


def moment(text: str | None) -> str:
    """An ISO time as `21 November 2026, 00:15 UTC`; as it stands where it is not one."""
    try:
        then = datetime.fromisoformat(text or "")
    except ValueError:
        return text or NONE
    return f"{then.day} {then:%B %Y, %H:%M} {then.tzname() or ''}".strip()


def context(run: dict[str, Any]) -> str:
    """Where the faces were filmed, as the run says."""
    name = run.get("context") or "unspecified"
    return CONTEXTS.get(name, name)


def context_note(run: dict[str, Any]) -> list[str]:
    """What to say where the run does not state a context; nothing where it does."""
    if run.get("context", "unspecified") != "unspecified":
        return []
    return [
        "The run does not say where these faces were filmed. State it with --context when you analyse, so that readers "
        "know what they look at."
    ]


def half_width_s(run: dict[str, Any]) -> float | None:
    """Of the smoothing window, seconds; None where the run does not say."""
    value = _setting(run, "smoothing", "half_width_s")
    return None if value is None else float(value)


def describe(run: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, in words) of a run's record. Any part of it may be missing: a report outlives versions."""
    fps, start, end = (_setting(run, "sampling", name) for name in ("fps", "start_s", "end_s"))
    analysed = "every frame" if fps == "native" else f"{fps:g} frames per second of video" if fps else NONE
    if start or end:
        analysed += f", from {clock(start or 0)} to {clock(end) if end else 'the end'}"
    half = half_width_s(run)
    smoothing = NONE if half is None else f"over {half:g} s before and after each moment" if half else "none"
    gap = _setting(run, "tracking", "gap_s_max")
    facts = [
        ("Analysed", moment(run.get("started_utc"))),
        ("Context", context(run) + (f" – {run['context_reason']}" if run.get("context_reason") else "")),
        ("Frames taken", analysed),
        ("Smoothing", smoothing),
        ("People", NONE if gap is None else f"a face out of sight for more than {gap:g} s is a new person"),
        *((role, _network(run, key)) for role, key in (("Affect network", "affect"), ("Face detector", "detector"))),
        ("Software", f"AffectStream {run.get('affectstream_version', '')}".strip()),
        ("Run", str(run["run_id"])),
    ]
    return [(what, text) for what, text in facts if text != NONE]


def _setting(run: dict[str, Any], section: str, name: str) -> Any:
    return ((run.get("config") or {}).get(section) or {}).get(name)


def _network(run: dict[str, Any], role: str) -> str:
    network = (run.get("networks") or {}).get(role)
    return f"{network['name']} (SHA-256 {network['sha256'][:12]}…)" if network else NONE
