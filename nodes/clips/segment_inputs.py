"""Inputs and outputs that the nodes for many segments share, so that they read alike."""

from comfy_api.latest import io


def cut_input() -> io.DynamicCombo.Input:
    """Where a keyframe set is cut into segments."""
    longest_segment = io.Int.Input(
        "longest_segment",
        default=81,
        min=5,
        max=100000,
        tooltip="How many frames a segment may have, both ends included; 81 is what Wan was trained on.",
    )
    return io.DynamicCombo.Input(
        "cut",
        options=[
            io.DynamicCombo.Option("longest", [longest_segment]),
            io.DynamicCombo.Option("every keyframe", []),
        ],
        tooltip="longest: as many keyframes go into one segment as fit. every keyframe: a segment from each keyframe "
        "to the next.",
    )


def context_frames_input() -> io.Int.Input:
    """How many frames a segment takes over from the one before."""
    return io.Int.Input(
        "context_frames",
        default=1,
        min=1,
        max=77,
        step=4,
        tooltip="How many of its last frames a segment hands to the next one, which goes on with their motion: 1 is "
        "the keyframe alone, 5 or 9 carry motion over. More take longer.",
    )


def seed_inputs() -> list[io.Input]:
    """Seeds of all segments, and of single ones."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**64 - 1,
            control_after_generate=True,
            tooltip="Of the first segment; the second takes the next number, and so on.",
        ),
        io.String.Input(
            "own_seeds",
            default="",
            tooltip="Other seeds for single segments, to make only these anew: 2: 77, 5: 3 gives segment 2 the seed 77 "
            "and segment 5 the seed 3.",
        ),
        io.Int.Input("steps", default=50, min=1, max=10000, tooltip="Sampling steps of each segment."),
    ]


def match_colour_input() -> io.Boolean.Input:
    """Whether colours are matched where segments meet."""
    return io.Boolean.Input(
        "match_colour",
        default=True,
        tooltip="Each segment begins in the colours of the one before; the report says how far apart they were.",
    )


def joined_outputs() -> list[io.Output]:
    """The clip and what is told of it."""
    return [
        io.Image.Output(display_name="frames", tooltip="Exactly as many as the time line has."),
        io.String.Output(display_name="report", tooltip="Where each segment went, and the colour steps at the seams."),
    ]
