"""Inputs and outputs shared by the segment nodes, so that they read alike."""

from comfy_api.latest import io


def cut_input() -> io.DynamicCombo.Input:
    """Where a keyframe set is cut into segments."""
    longest_segment = io.Int.Input(
        "longest_segment",
        default=81,
        min=5,
        max=100000,
        tooltip="Maximum number of frames in a segment, both ends included. Wan was trained on 81.",
    )
    return io.DynamicCombo.Input(
        "cut",
        options=[
            io.DynamicCombo.Option("longest", [longest_segment]),
            io.DynamicCombo.Option("every keyframe", []),
        ],
        tooltip="longest puts as many keyframes as fit into each segment. every keyframe starts a new segment at "
        "each keyframe.",
    )


def context_frames_input() -> io.Int.Input:
    """How many frames a segment takes over from the previous one."""
    return io.Int.Input(
        "context_frames",
        default=1,
        min=1,
        max=77,
        step=4,
        tooltip="How many of its last frames a segment hands to the next one. 1 is only the keyframe they share; 5 or "
        "9 also carry motion over. More frames take longer.",
    )


def seed_inputs() -> list[io.Input]:
    """Seeds for all segments, seeds for single segments, and sampling steps."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**64 - 1,
            control_after_generate=True,
            tooltip="Seed of the first segment. The second uses the next number, and so on.",
        ),
        io.String.Input(
            "own_seeds",
            default="",
            tooltip="Different seeds for individual segments, to regenerate only those. For example, 2: 77, 5: 3 "
            "gives segment 2 the seed 77 and segment 5 the seed 3.",
        ),
        io.Int.Input("steps", default=50, min=1, max=10000, tooltip="Sampling steps of each segment."),
    ]


def match_colour_input() -> io.Boolean.Input:
    """Whether to match colours where segments meet."""
    return io.Boolean.Input(
        "match_colour",
        default=True,
        tooltip="Start each segment in the colours of the one before. The report says how far apart they were.",
    )


def joined_outputs() -> list[io.Output]:
    """The clip and its report."""
    return [
        io.Image.Output(display_name="frames", tooltip="The whole clip, exactly as long as the timeline."),
        io.String.Output(display_name="report", tooltip="Where each segment went, and the colour jumps at the seams."),
    ]
