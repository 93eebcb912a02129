"""Join Clips: joins clips that share frames into one."""

from typing import Any

from comfy_api.latest import Input, io

from ...core.clips.join import (
    MATCH_COLOUR_MODES,
    MOST_CLIPS,
    SEAMS,
    Seam,
    common_rate,
    join_clips,
    joined_length,
    uneven_warnings,
)
from ...core.reports import report_text
from ...core.timing.frame_counts import exact
from ...host.frame_memory import check_room_like
from ...host.list_items import list_note
from ...host.runtime import Progress, show_report
from ...host.video_times import uneven_times_of
from ..checked_node import InbetweenNode
from ..timing.inputs import fps_input
from ..validation import verdict


class InbetweenJoin(InbetweenNode):
    """Joins clips end to end."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        clip = io.MultiType.Input(
            "clip",
            [io.Image, io.Video],
            optional=True,
            tooltip="A clip: frames or a video. The sound of a video is dropped.",
        )
        fade_frames = io.Int.Input(
            "fade_frames",
            default=12,
            min=1,
            max=100000,
            tooltip="Frames after the seam over which the colour correction fades out.",
        )
        return io.Schema(
            node_id="InbetweenJoin",
            display_name="Join Clips",
            category="in-between/finish",
            description="Join two or more clips that share frames at their ends, with no repeated frames and no "
            "colour jumps.",
            search_aliases=["concatenate", "merge videos", "append", "overlap", "crossfade", "stitch", "extend video"],
            inputs=[
                io.Autogrow.Input(
                    "clips",
                    template=io.Autogrow.TemplatePrefix(clip, prefix="clip", min=2, max=MOST_CLIPS),
                    tooltip="The clips, in order. A new socket appears when the last one is connected.",
                ),
                io.Int.Input(
                    "overlap",
                    default=1,
                    min=0,
                    max=100000,
                    tooltip="How many frames neighbouring clips share: the last frames of one clip are the first of "
                    "the next. 1 for a shared end frame, 0 for none.",
                ),
                io.Combo.Input(
                    "seam",
                    options=list(SEAMS),
                    default="cut",
                    tooltip="cut takes the shared frames from the earlier clip; cross-fade uses them to blend from "
                    "the earlier clip to the later one.",
                ),
                io.DynamicCombo.Input(
                    "match_colour",
                    options=[
                        io.DynamicCombo.Option(mode, [fade_frames] if mode == "fade out" else [])
                        for mode in MATCH_COLOUR_MODES
                    ],
                    tooltip="Start the later clip in the colours of the earlier one. fade out then returns to its "
                    "own colours; carry on keeps the correction to the end, for this clip and all later ones. off "
                    "changes no colours.",
                ),
                fps_input("Frame rate if no clip is a video. A video brings its own."),
            ],
            outputs=[
                io.Image.Output(
                    display_name="frames", tooltip="The joined clip: all frames, minus the overlap at each seam."
                ),
                io.Float.Output(display_name="fps", tooltip="The frame rate, for Create Video."),
                io.String.Output(
                    display_name="report",
                    tooltip="Where each clip went, and the colour jump at each seam, before and after.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(
        cls, fps: float | None = None, clips: object = None, match_colour: object = None
    ) -> bool | str:  # the host passes dynamic inputs without their values
        return verdict(lambda: fps is None or exact(fps, "fps"))

    @classmethod
    def execute(
        cls, clips: dict[str, Any], overlap: int, seam: Seam, match_colour: dict[str, Any], fps: float
    ) -> io.NodeOutput:
        videos = [clip.get_components() if isinstance(clip, Input.Video) else None for clip in clips.values()]
        uneven = [uneven_times_of(clip) if isinstance(clip, Input.Video) else None for clip in clips.values()]
        rate = common_rate([video and video.frame_rate for video in videos], fps, uneven)
        clips_THWC = [video.images if video else clip for clip, video in zip(clips.values(), videos, strict=True)]
        fade_frames = match_colour.get("fade_frames", 0)
        total = joined_length([len(clip_THWC) for clip_THWC in clips_THWC], overlap, seam)
        check_room_like(clips_THWC[0], total)
        progress = Progress(total)
        joined = join_clips(clips_THWC, overlap, seam, match_colour["match_colour"], fade_frames, progress)
        singles = [f"clip {number}" for number, clip_THWC in enumerate(clips_THWC, start=1) if len(clip_THWC) == 1]
        report = report_text([joined.report], [*uneven_warnings(uneven), *filter(None, map(list_note, singles))])
        show_report(report)
        return io.NodeOutput(joined.frames_THWC, rate, report)
