"""Real inputs for Interpolate Video; see `node_examples.py`."""

from collections.abc import Iterator
from fractions import Fraction

import torch
from comfyui_inbetween.core.video.encodings import ENCODINGS
from example_engines import flow_engine
from example_values import Arguments, moving_clip


def video_examples() -> Iterator[Arguments]:
    """Every timing, codec and choice about sound."""
    from comfy_api.latest import InputImpl, Types

    sound = {"waveform": torch.zeros(1, 2, 8000) + 0.1, "sample_rate": 16000}
    video = InputImpl.VideoFromComponents(Types.VideoComponents(moving_clip(5), Fraction(10), sound))
    timings = (
        {"timing": "frame rate", "target_fps": 24.0},
        {"timing": "multiplier", "multiplier": 2},
        {"timing": "slow motion", "slower": 2.0, "result_fps": 12.0},
        {"timing": "duration", "seconds": 0.8, "result_fps": 0.0},
        {"timing": "speed ramp", "speeds": "0-2: 1, 2-: 0.5", "result_fps": 0.0},
    )
    codecs = [
        {"codec": each.name, **({} if each.crf is None else {"crf": each.crf[0]}), "bit_depth": "as the video"}
        for each in ENCODINGS.values()
    ]
    for number, codec in enumerate(codecs):
        timing = timings[number % len(timings)]
        sounds = ("stretch", "keep", "drop")
        yield {
            "interpolator": flow_engine(),
            "video": video,
            "timing": timing,
            "codec": codec,
            "sound": sounds[number % 3],
        }
    yield {
        "interpolator": flow_engine(),
        "video": video,
        "timing": {"timing": "multiplier", "multiplier": 4},
        "codec": {**codecs[0], "bit_depth": "10"},
        "sound": "stretch",
        "copies": "keep time",
        "method": "recursive",
        "cuts": "3",
        "at_cut": "carry on",
    }
