"""What was found about a recording's time that people should know, and how it is put."""

from dataclasses import dataclass, replace

NS = 1_000_000_000
CLAIM_RATIO_MAX = 4
"""A container's length is believed up to this many times what could be read of it."""
NAMED_MAX = 1000
"""Number of jumps of each kind that are kept for the report; further ones are dropped."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A place where stamps did not simply go on."""

    time_ns: int
    """Stream time of the picture after it."""
    by_ns: int
    """How far the stamps jumped; negative: back."""


@dataclass(frozen=True, slots=True)
class Irregular:
    """What was found about a recording's time that people should know."""

    new_clocks: tuple[Jump, ...] = ()
    """Jumps after which the recording goes on without a gap."""
    outliers: tuple[Jump, ...] = ()
    """Stamps that were not used."""
    gaps: tuple[Jump, ...] = ()
    """Spans without a picture that are not damage."""
    read_ns: int | None = None
    """Where the last frame ends; None where reading stopped before."""
    squeezed: tuple[Jump, ...] = ()
    """Pictures whose stamps lie behind others by too much: their times are closer together than they were shown."""
    counted_fps: float | None = None
    """Rate at which the pictures of a stream without time stamps are counted."""
    unread_from: int | None = None
    """Byte of the file at which another recording begins that is not read in whole."""

    def within(self, start_ns: int, end_ns: int | None) -> "Irregular":
        """What belongs to a segment."""

        def inside(jumps: tuple[Jump, ...]) -> tuple[Jump, ...]:
            return tuple(j for j in jumps if start_ns <= j.time_ns and (end_ns is None or j.time_ns < end_ns))

        return replace(
            self,
            new_clocks=inside(self.new_clocks),
            outliers=inside(self.outliers),
            gaps=inside(self.gaps),
            squeezed=inside(self.squeezed),
        )

    def joined(self, after: "Irregular") -> "Irregular":
        """With what belongs to the next segment."""
        return replace(
            after,
            new_clocks=self.new_clocks + after.new_clocks,
            outliers=self.outliers + after.outliers,
            gaps=self.gaps + after.gaps,
            squeezed=self.squeezed + after.squeezed,
        )

    def in_words(self, claimed_ns: int | None) -> tuple[str, ...]:
        """One short phrase for each kind; `claimed_ns` is the length that the container states."""
        lines = []
        if claimed_ns is not None and self.read_ns is not None and claimed_ns > CLAIM_RATIO_MAX * self.read_ns:
            lines.append(f"claims to be {_clock(claimed_ns)} long, ends at {_clock(self.read_ns)}")
        if self.new_clocks:
            first = self.new_clocks[0]
            lines.append(
                f"clock jumps {_times(self.new_clocks)}, first at {_clock(first.time_ns)} by {first.by_ns / NS:+.1f} s"
                "; time continues without a gap"
            )
        if self.gaps:
            longest = max(self.gaps, key=lambda gap: gap.by_ns)
            which = "no pictures" if len(self.gaps) == 1 else f"{len(self.gaps)} gaps, the longest"
            lines.append(f"{which} from {_clock(longest.time_ns - longest.by_ns)} to {_clock(longest.time_ns)}")
        if self.outliers:
            lines.append(f"wrong time stamp {_times(self.outliers)}, first at {_clock(self.outliers[0].time_ns)}")
        if self.squeezed:
            count = f"{len(self.squeezed)} or more" if len(self.squeezed) >= NAMED_MAX else str(len(self.squeezed))
            lines.append(
                f"{count} pictures closer together than they were shown, from {_clock(self.squeezed[0].time_ns)}"
                ": their time stamps lie behind"
            )
        if self.counted_fps is not None:
            lines.append(f"no time stamps: pictures counted at {self.counted_fps:g} per second")
        if self.unread_from is not None:
            place = f"byte {self.unread_from}"
            lines.append(f"another recording begins at {place} and is not read in whole; cut the file there")
        return tuple(lines)


def _times(jumps: tuple[Jump, ...]) -> str:
    if len(jumps) >= NAMED_MAX:
        return f"{NAMED_MAX} times or more"
    return "once" if len(jumps) == 1 else f"{len(jumps)} times"


def _clock(time_ns: int) -> str:
    minutes, tenths = divmod(round(time_ns / 1e8), 600)
    return f"{minutes // 60}:{minutes % 60:02d}:{tenths / 10:04.1f}"


def note(jumps: list[Jump], jump: Jump) -> None:
    """Remember it, if there are not too many."""
    if len(jumps) < NAMED_MAX:
        jumps.append(jump)
