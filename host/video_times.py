"""When the frames of a video are shown: the host's VIDEO has only an average rate, the file has the times."""

from fractions import Fraction

import av
from comfy_api.latest import Input, InputImpl

from ..core.timing.frame_times import UnevenTimes, uneven_times


def uneven_times_of(video: Input.Video) -> UnevenTimes | None:
    """What is uneven in a video of variable frame rate; None for others.

    Reads the times from the file without decoding a picture. A video that does not come from a file was made of frames,
    at one rate. A file that cannot be read counts as even: whoever decodes it says what is wrong.
    """
    if not isinstance(video, InputImpl.VideoFromFile):
        return None
    start, duration = video.get_active_trim_window()
    try:
        with av.open(video.get_stream_source()) as container:
            stream = container.streams.video[0]
            tick = Fraction(stream.time_base or 0)
            packets = container.demux(stream)
            times = [packet.pts * tick for packet in packets if packet.pts is not None and not packet.is_discard]
    except (av.error.FFmpegError, IndexError):
        return None
    end = start + duration if duration else float("inf")
    return uneven_times([time for time in times if start <= time < end], tick)
