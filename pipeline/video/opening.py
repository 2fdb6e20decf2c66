"""Opening a video file or picture, here or remote: its container, the stream that a player would show, why it fails."""

import errno
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.remote.addresses import is_address, redacted
from pipeline.remote.files import RemoteFile
from pipeline.video.joined import second_recording
from pipeline.video.picture import check_size
from pipeline.video.tiles import Grid, read_grid

_VIDEO_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gxf,dv,rm,nut,wtv,ivf,nsv,swf,"
    "h261,h263,h264,hevc,vvc,m4v,av1,obu,vc1,mjpeg,mpjpeg,dirac,cavsvideo,yuv4mpegpipe,dhav,ifv,gif,apng,webp,jpegxl_anim"
)
_PICTURE_FORMATS = (
    "bmp_pipe,dds_pipe,dpx_pipe,exr_pipe,gif_pipe,hdr_pipe,j2k_pipe,jpeg_pipe,jpegls_pipe,jpegxl_pipe,pam_pipe,pbm_pipe,"
    "pcx_pipe,pfm_pipe,pgm_pipe,pgmyuv_pipe,png_pipe,ppm_pipe,psd_pipe,qoi_pipe,sgi_pipe,sunrast_pipe,tiff_pipe,"
    "webp_pipe,xbm_pipe,xpm_pipe,xwd_pipe"
)
_SOUND_FORMATS = "mp3,flac,wav,aac,ac3,aiff,ape,wv"
"""Opened to say that they hold no video: a song's cover is none."""
FORMATS = f"{_VIDEO_FORMATS},{_PICTURE_FORMATS},{_SOUND_FORMATS}"
"""libav's names of the formats that are read. Formats that refer to other files (concat, hls, dash, sdp…) are excluded:
an untrusted file could make this machine read any local file or any address that it can reach."""
_LOCAL = {"format_whitelist": f"{FORMATS},image2", "protocol_whitelist": "file", "pattern_type": "none"}
"""`image2` reads pictures whose names look like patterns (`shot%03d.jpg`): with this pattern type, only that file."""
_REMOTE = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
"""`image2` would open a local file of the remote one's name."""
_HIDDEN = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
"""Streams that no player shows on their own: covers, previews, and the tiles of a picture."""
_STILL_BRANDS = ("heic", "heix", "heim", "heis", "mif1", "mif2", "avif")
_PACKETS_MAX = 500
"""How many packets are searched for a second picture. No file that is meant to play has more sound between pictures."""
_LOST_S_MIN = 1.0
"""A file with one picture that states a length this much beyond it is a truncated video, not a picture."""
_CLOCK = {"correct_ts_overflow": "0"}
"""libav would take any jump back in an MPEG stream for a wrap; `pipeline.video.clock` tells them apart."""


class Source:
    """A file to read, which can be opened again and again from its beginning."""

    def __init__(self, path: str | Path, video_stream: int | None = None):
        """`path` may be an address; `video_stream` counts the file's video streams from 0, None takes the one that a
        player shows. Raises SourceError, naming the file and the cause.
        """
        self.shown = redacted(str(path))
        """The path for messages, without passwords."""
        self.other_streams: tuple[str, ...] = ()
        """What further video streams the file has, in words. Known once it was opened."""
        self.is_picture: bool | None = None
        """It holds one picture and is no video. Known once it was opened."""
        self.grid: Grid | None = None
        """How its picture is made of tiles, each a stream, if it is. Known once it was opened."""
        self._path, self._wanted, self._form = str(path), video_stream, ""
        self._stills: set[int] = set()
        """Streams that turned out to hold one picture, of which others are preferred."""
        if "\0" in self._path:  # libav would open the file whose name ends there
            raise SourceError(f"{self.shown}: no such file")
        self._remote = RemoteFile(self._path) if is_address(self._path) else None

    def open(self) -> tuple[InputContainer, VideoStream]:
        """The container, at its beginning, and its stream to analyse. Raises SourceError."""
        container, stream = self._open()
        if self.is_picture is None:
            self.is_picture = _is_picture_format(container)
            if not self.is_picture and stream.frames <= 1:
                self.is_picture = _holds_one_picture(container, stream)
                index = stream.index  # read before closing, which frees the stream
                container.close()
                if self.is_picture and index not in self._stills and self._wanted is None:
                    self._stills.add(index)  # another stream may move
                    self.is_picture = None
                    return self.open()
                container, stream = self._open()
        return container, stream

    @cached_property
    def second_recording(self) -> int | None:
        """Byte at which another recording begins that libav does not read in whole. A remote file is not searched."""
        return second_recording(Path(self._path), self._form) if self._remote is None else None

    def release(self) -> None:
        """Give up the connection to a remote file."""
        if self._remote is not None:
            self._remote.release()

    def _open(self) -> tuple[InputContainer, VideoStream]:
        if self._remote is not None:
            self._remote.seek(0)
        try:
            container = open_container(self._remote or self._path, **_CLOCK)
        except av.FFmpegError as exc:
            cause = "is empty (0 bytes)" if self._remote and not self._remote.size else _cause(exc, self._path)
            raise SourceError(f"{self.shown}: {cause}") from exc
        self._form = container.format.name.split(",")[0]
        try:
            return container, self._choose(container)
        except SourceError:
            container.close()
            raise

    def _choose(self, container: InputContainer) -> VideoStream:
        """The wanted stream, else the one that a player would show."""
        streams = container.streams.video
        shown = [s for s in streams if not s.disposition & _HIDDEN]
        if self._wanted is not None:
            if self._wanted >= len(streams):
                known = ", ".join(_words(streams, s) for s in streams) or "none"
                raise SourceError(f"{self.shown}: has no video stream {self._wanted}; it has {known}")
            chosen = streams[self._wanted]
        elif tiles := _tiles(container):
            self.grid = self.grid or self._read_grid(tiles, streams)
            chosen = next(s for s in streams if s.id in self.grid.tiles)
        elif not shown:
            raise SourceError(f"{self.shown}: has no video stream")
        else:
            moving = [s for s in shown if _is_decodable(s) and s.index not in self._stills]
            chosen = max(moving or shown, key=_rank)
        if not _is_decodable(chosen):
            raise SourceError(f"{self.shown}: its video cannot be decoded: there is no decoder for {_codec(chosen)}")
        size = self.grid or chosen
        check_size(self.shown, size.width, size.height)
        self.other_streams = tuple(_words(streams, s) for s in shown if s is not chosen)
        return chosen

    def _read_grid(self, tiles: int, streams: Sequence[VideoStream]) -> Grid:
        """How the tiles lie. Raises SourceError: a tile is never taken for the picture."""
        if self._remote is not None:
            found = read_grid(self._remote)
        else:
            with Path(self._path).open("rb") as file:
                found = read_grid(file)
        if found is None or not set(found.tiles) <= {s.id for s in streams}:
            raise SourceError(
                f"{self.shown}: is a picture of {tiles} tiles that cannot be put together; convert it to JPEG or PNG"
            )
        return found


def open_container(file: str | Path | RemoteFile, **options: str) -> InputContainer:
    """Open a file for reading, never another one that it names; `options` are libav's. Raises av.FFmpegError."""
    if isinstance(file, RemoteFile):
        return av.open(file, "r", metadata_errors="ignore", container_options=_REMOTE | options)
    # Without the prefix, what stands before a colon in a name is a protocol to libav.
    return av.open(f"file:{file}", "r", metadata_errors="ignore", container_options=_LOCAL | options)


def packets(container: InputContainer, stream: VideoStream) -> "Iterator[av.Packet[VideoStream]]":
    """The packets of a stream; the last is empty and flushes the decoder. Raises av.FFmpegError."""
    try:
        yield from container.demux(stream)
    except IndexError:
        # PyAV flushes streams in order and fails at one that appeared after the file was opened. Ours came before it.
        return


def _tiles(container: InputContainer) -> int:
    """How many tiles make up the picture that a viewer would show (HEIC, AVIF); 0 if it is in one piece."""
    streams = container.streams.video
    if any(s.disposition & Disposition.default for s in streams):
        return 0
    if container.metadata.get("major_brand") in _STILL_BRANDS:  # libav flags tiles, and a picture in one piece
        return len(streams)
    return sum(bool(s.disposition & Disposition.dependent) for s in streams)


def _rank(stream: VideoStream) -> tuple[int, ...]:
    """Sort key of the stream a player shows: decodable, flagged as default, moving, then the largest picture."""
    if not _is_decodable(stream):
        return (0,)
    return (
        1,
        bool(stream.disposition & Disposition.default),
        not stream.disposition & Disposition.visual_impaired,
        stream.frames != 1 and not stream.disposition & Disposition.still_image,
        stream.width * stream.height,
        stream.bit_rate or 0,
        -stream.index,
    )


def _is_decodable(stream: VideoStream) -> bool:
    # PyAV gives a stream without a decoder no codec context, and then no width either.
    return stream.codec_context is not None


def _codec(stream: VideoStream) -> str:
    return stream.codec_context.codec.canonical_name if _is_decodable(stream) else "its codec"


def _words(streams: Sequence[VideoStream], stream: VideoStream) -> str:
    size = f"{stream.width}x{stream.height} {_codec(stream)}" if _is_decodable(stream) else "no decoder"
    return f"{streams.index(stream)} ({size})"


def _is_picture_format(container: InputContainer) -> bool:
    name = container.format.name
    return name.endswith("_pipe") or name == "image2"


def _holds_one_picture(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the stream has one packet, and claims no more. Reads on in the container."""
    first = None
    try:
        for packet in islice(container.demux(), _PACKETS_MAX):
            if packet.stream is stream and packet.size:
                if first is not None:
                    return False
                first = packet
    except (av.FFmpegError, IndexError):
        pass
    if first is None or first.time_base is None:
        return False
    claimed_s = float((stream.duration or 0) * (stream.time_base or 0))
    if len(container.streams) == 1:
        claimed_s = max(claimed_s, (container.duration or 0) / av.time_base)
    return claimed_s - float((first.duration or 0) * first.time_base) <= _LOST_S_MIN


def _cause(exc: av.FFmpegError, path: str) -> str:
    if isinstance(exc, FileNotFoundError):
        return "no such file"
    if isinstance(exc, PermissionError):
        return "permission denied"
    if isinstance(exc, IsADirectoryError):
        return "is a folder"
    try:
        if Path(path).is_file() and Path(path).stat().st_size == 0:
            return "is empty (0 bytes)"
    except OSError:
        pass
    if exc.errno == errno.EINVAL:
        return "has an unsupported format; playlists and other files that refer to further files are refused"
    if isinstance(exc, ValueError):  # InvalidDataError
        return "is not a video or picture that can be read; it may be damaged, or its index may be missing"
    return str(exc.strerror or exc)
