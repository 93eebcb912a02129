"""Wild values for node inputs: of the socket's type, or nearly, with contents that nobody expects.

They are made from real arguments (`node_examples.py`) by replacing some of them. The same seed gives the same
arguments. Allowed values that would take hours to process are left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

import numpy as np
import torch
from comfy_api.latest import io
from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
from example_values import Arguments, moving_clip, speech

Make = Callable[[Random], object]

NOTHING_BUT_DEFAULT = object()
TEXTS = (
    *(
        "",
        " ",
        ",",
        ":",
        ";",
        ";;",
        "-",
        "0",
        "-1",
        "1",
        "1.5",
        "nan",
        "inf",
        "1e999",
        "-1e-30",
        "\u00bd",
        "\u0663",
        "x",
        "\x00",
    ),
    *(
        "0, -1",
        "0, 4, -1",
        "0:0.5, -1",
        "0:nan, -1",
        "0:2, -1",
        "0, 0",
        "5:",
        "1-3",
        "3-1",
        "1 2",
        "2: 77, 5: 3",
        "1:1",
    ),
    *("0.5; 0.5", "0.25, 0.5, 0.75", "0, 0, 1, 1", "0.42, 0, 0.58, 1", "1e9, 0, -1e9, 1", "0-1000000000000"),
    *(
        "\uff19, \uff11",
        "a\nb\r\nc",
        "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8",
        "9" * 5000,
        "a" * 5000,
        "1," * 3000,
        "-" * 500,
        "0." + "1" * 400,
    ),
)
ANY_INT = (0, -1, 1, 2, 3, 5, 7, 2**31, 2**63, 2**64, 10**30, -(10**9), 10**5000, 2.0, 2.5, 1e300, float("nan"), True)
ANY_FLOAT = (0.0, -0.0, 0.5, 1, 1.0, 2.0, 1e-30, 5e-324, 1e9, 1e308, -1e-9, -1.0, float("nan"), float("inf"), 10**400)
OTHER_NUMBERS = (np.int64(2), np.float32(0.5), np.float64(2.0), Fraction(1, 2), torch.tensor(2), torch.tensor([1, 2]))
NO_NUMBERS = ("5", "x", None, 1j, (), [1], np.array([1.0, 2.0]))
# Allowed, and hours of work or all of the memory: more frames or pixels than these are not asked for.
MOST = {"frame_count": 300, "multiplier": 8, "width": 600, "height": 600, "thumbnail_width": 300, "frames": 300}
MOST |= {"caption_size": 300, "seconds": 100.0, "target_fps": 240.0, "context_seconds": 2.0, "audio_context": 3.0}
MOST |= {"batch_size": 3, "multiple_of": 64, "hold": 64, "passes": 8}
LEAST = {"fps": 1.0, "source_fps": 2.0}


@dataclass
class Wild:
    """Arguments of one call, and what was put into them, in words."""

    arguments: Arguments
    changes: list[str] = field(default_factory=list)


def wild_arguments(example: Arguments, inputs: Iterable[io.Input], seed: str) -> Wild:
    """The arguments with one to three of them replaced by wild ones.

    Args:
        example: real arguments.
        inputs: of the node's schema.
        seed: says which.
    """
    random = Random(seed)
    torch.manual_seed(random.getrandbits(32))
    wild = Wild(dict(example))
    chosen = list(inputs)
    for each in random.sample(chosen, min(random.choice((1, 1, 1, 2, 3)), len(chosen))):
        _replace(wild, wild.arguments, each, random, "")
    return wild


def _replace(wild: Wild, arguments: Arguments, each: io.Input, random: Random, prefix: str) -> None:
    name = f"{prefix}{each.id}"
    given = arguments.get(each.id)
    if random.random() < 0.04:
        arguments.pop(each.id, None)
        wild.changes.append(f"{name} left out")
        return
    if isinstance(each, io.DynamicCombo.Input):
        _replace_option(wild, arguments, each, random, name)
        return
    if isinstance(each, io.Autogrow.Input) and isinstance(given, Mapping):
        inner = dict(given)
        arguments[each.id] = inner
        templates = {template.id: template for template in each.template.get_all()}
        count = random.choice((1, 1, 2, 0))
        for chosen in random.sample(list(inner), min(count, len(inner))):
            _replace(wild, inner, templates[chosen], random, f"{name}.")
        return
    arguments[each.id] = _value(each, given, random)
    wild.changes.append(f"{name} = {in_words(arguments[each.id])}")


def _replace_option(wild: Wild, arguments: Arguments, each: io.DynamicCombo.Input, random: Random, name: str) -> None:
    """Another option with its defaults, one that there is not, or wild values within the one given."""
    given = arguments.get(each.id)
    kind = random.random()
    if kind < 0.08:
        arguments[each.id] = random.choice(({each.id: "no such option"}, "no such option", each.options[0].key, {}))
        wild.changes.append(f"{name} = {in_words(arguments[each.id])}")
        return
    if kind < 0.35 or not isinstance(given, Mapping):
        option = random.choice(each.options)
        defaults = {inner.id: _default(inner) for inner in option.inputs}
        known = {name: value for name, value in defaults.items() if value is not NOTHING_BUT_DEFAULT}
        carried = {inner.id: given[inner.id] for inner in option.inputs if given and inner.id in given}
        arguments[each.id] = {each.id: option.key, **known, **carried}
        wild.changes.append(f"{name} = {option.key}")
    else:
        arguments[each.id] = dict(given)
    inner_arguments = arguments[each.id]
    options = [option for option in each.options if option.key == inner_arguments[each.id]]
    nested = options[0].inputs if options else []
    for inner in random.sample(nested, min(len(nested), random.choice((0, 1, 1, 2)))):
        _replace(wild, inner_arguments, inner, random, f"{name}.")


def _default(each: io.Input) -> object:
    """What the page would send for a widget; small, since the default may be a whole clip."""
    if isinstance(each, io.Combo.Input):
        return each.default or each.options[0]
    default = getattr(each, "default", None)
    if default is None:
        return NOTHING_BUT_DEFAULT
    return min(default, MOST.get(each.id, default)) if isinstance(default, int | float) else default


def _value(each: io.Input, given: object, random: Random) -> object:
    match each:
        case io.Int.Input() | io.Float.Input():
            return _number(each, random)
        case io.Boolean.Input():
            return random.choice((True, False, 0, 1, 2.5, np.bool_(True), None, "x"))
        case io.String.Input():
            return random.choice((*TEXTS, None, 5) if random.random() < 0.2 else TEXTS)
        case io.Combo.Input():
            return random.choice((*each.options, "no such option", "", None, 3, "a\nb" * 200, [], torch.zeros(2)))
    if random.random() < 0.03:
        return None
    if isinstance(given, torch.Tensor):
        return wild_frames(given, random) if given.ndim == 4 else wild_masks(given, random)
    if isinstance(given, KeyframeSet):
        return wild_keyframes(given, random)
    if isinstance(given, Mapping) and "waveform" in given:
        return wild_audio(given, random)
    if isinstance(given, Mapping) and "samples" in given:
        return {**given, "samples": wild_latent(given["samples"], random)}
    if isinstance(given, list):
        return wild_conditioning(given, random)
    io_type = each.get_io_type()
    if io_type == "IMAGE":
        return wild_frames(moving_clip(5), random)
    if io_type == "AUDIO":
        return wild_audio(speech(), random)
    if io_type == "INBETWEEN_KEYFRAMES":
        return wild_keyframes(KeyframeSet(9, tuple(map(Keyframe, (0, 8), moving_clip(2)))), random)
    return given


def _number(each: io.Input, random: Random) -> object:
    whole = isinstance(each, io.Int.Input)
    least, most = LEAST.get(each.id, each.min), MOST.get(each.id, each.max)
    edges = [least, most, *(value for value in (each.min, each.max) if value is not None)]
    edges = [value for value in edges if value is not None]
    beyond = [each.min - 1 if each.min is not None else 0, each.max + 1 if each.max is not None else 0]
    pool = random.choice((edges or [1], beyond, ANY_INT if whole else ANY_FLOAT, ANY_INT, OTHER_NUMBERS, NO_NUMBERS))
    value = random.choice(pool)
    return _bounded(value, each, least, most, random)


def _bounded(value: object, each: io.Input, least: float | None, most: float | None, random: Random) -> object:
    """An allowed value that is too much work replaced by one that is not."""
    try:
        allowed = (each.min is None or value >= each.min) and (each.max is None or value <= each.max)
        too_much = (most is not None and value > most) or (least is not None and value < least)
    except (TypeError, ValueError, RuntimeError):
        return value
    if not (allowed and too_much):
        return value
    low = least if least is not None else 1
    high = most if most is not None else low + 10
    return random.randint(int(low), int(high)) if isinstance(each, io.Int.Input) else random.uniform(low, high)


def wild_frames(frames_THWC: torch.Tensor, random: Random) -> torch.Tensor:
    """IMAGE of another type, shape, size, layout in memory, or with other content."""
    count, height, width, _ = frames_THWC.shape
    size = random.choice(((1, 1), (2, 3), (7, 5), (16, 16), (height + 1, width), (height, width * 2), (1, width)))
    spoilt = frames_THWC.clone()
    spoilt[-1, -1, -1, 0] = random.choice((float("nan"), float("inf"), float("-inf")))
    return random.choice(
        (
            lambda: (255 * frames_THWC).to(torch.uint8),
            lambda: frames_THWC.to(torch.int64),
            lambda: frames_THWC > 0.5,
            lambda: frames_THWC.half(),
            lambda: frames_THWC.bfloat16(),
            lambda: frames_THWC.double(),
            lambda: frames_THWC.to(torch.complex64),
            lambda: spoilt,
            lambda: frames_THWC[..., :1],
            lambda: frames_THWC[..., :2],
            lambda: torch.cat([frames_THWC, frames_THWC[..., :1]], dim=-1),
            lambda: frames_THWC[..., :0],
            lambda: frames_THWC[0],
            lambda: frames_THWC[None],
            lambda: frames_THWC[..., 0],
            lambda: frames_THWC[:1],
            lambda: frames_THWC[:2],
            lambda: frames_THWC[:0],
            lambda: frames_THWC[:, :0],
            lambda: torch.rand(count, *size, 3),
            lambda: torch.rand(random.choice((1, 2, 3, count, count + 1)), *size, 3),
            lambda: frames_THWC * 1e6,
            lambda: frames_THWC * 1e30,
            lambda: frames_THWC - 5,
            lambda: torch.zeros_like(frames_THWC),
            lambda: torch.ones_like(frames_THWC),
            lambda: frames_THWC.flip(0, 1),
            lambda: frames_THWC.movedim(-1, 1).contiguous().movedim(1, -1),
            lambda: frames_THWC[:1].expand(count, -1, -1, -1),
            lambda: frames_THWC.clone().requires_grad_(),
            lambda: torch.rand_like(frames_THWC),
        )
    )()


def wild_masks(masks_FHW: torch.Tensor, random: Random) -> torch.Tensor:
    """MASK of another type or shape, or with other content."""
    return random.choice(
        (
            lambda: masks_FHW.half(),
            lambda: masks_FHW.double(),
            lambda: (255 * masks_FHW).to(torch.uint8),
            lambda: masks_FHW > 0.5,
            lambda: masks_FHW * float("nan"),
            lambda: masks_FHW * 1e30,
            lambda: masks_FHW - 3,
            lambda: masks_FHW[:1],
            lambda: masks_FHW[:0],
            lambda: masks_FHW[:-1],
            lambda: masks_FHW[0],
            lambda: masks_FHW[..., None],
            lambda: masks_FHW[:, :1, :1],
            lambda: masks_FHW[:, :0],
            lambda: masks_FHW[..., :5],
        )
    )()


def wild_audio(audio: Mapping[str, object], random: Random) -> dict[str, object]:
    """AUDIO of another shape or rate, or with other content."""
    waveform = audio["waveform"]
    spoilt = waveform.clone()
    spoilt[..., -1] = random.choice((float("nan"), float("inf")))
    changed = random.choice(
        (
            lambda: waveform[..., :0],
            lambda: waveform[..., :1],
            lambda: waveform[..., :399],
            lambda: waveform[:, :0],
            lambda: waveform.repeat(1, 2, 1),
            lambda: waveform.repeat(1, 8, 1),
            lambda: waveform.repeat(2, 1, 1),
            lambda: waveform[0],
            lambda: waveform[0, 0],
            lambda: waveform[None],
            lambda: spoilt,
            lambda: waveform.half(),
            lambda: waveform.double(),
            lambda: (32767 * waveform).to(torch.int16),
            lambda: waveform * 1e30,
            lambda: torch.zeros_like(waveform),
            lambda: waveform,
        )
    )()
    own = audio["sample_rate"]
    rates = (own, own, own, own, 0, -1, 1, 7, 399, 8000, 192000, 10**9, 44100.0, 16000.5, float("nan"), None, "x")
    return {**audio, "waveform": changed, "sample_rate": random.choice(rates)}


def wild_latent(latent: torch.Tensor, random: Random) -> torch.Tensor:
    """The samples of a LATENT of another shape or type, or with other content."""
    spoilt = latent.clone()
    spoilt[..., -1] = float("nan")
    return random.choice(
        (
            lambda: spoilt,
            lambda: latent.half(),
            lambda: latent.double(),
            lambda: latent[:0],
            lambda: latent[:1],
            lambda: latent[:, :0],
            lambda: latent[:, :1],
            lambda: latent[..., :0],
            lambda: latent[..., :1, :1],
            lambda: latent[:, :, :1],
            lambda: latent[0],
            lambda: latent[None],
            lambda: latent[:, :, 0] if latent.ndim == 5 else latent[:, :, None],
            lambda: latent * 1e30,
            lambda: latent.repeat(3, *[1] * (latent.ndim - 1)),
        )
    )()


def wild_conditioning(conditioning: list, random: Random) -> list:
    """CONDITIONING with other parts."""
    text, values = conditioning[0]
    return random.choice(
        (
            [],
            [[text, dict(values)], [text, dict(values)]],
            [[text[:, :0], values]],
            [[text[..., :5], values]],
            [[text.half(), values]],
            [[text * float("nan"), values]],
            [[text, {}]],
            [[text, {**values, "pooled_output": None}]],
            [[text, {name: value for name, value in values.items() if random.random() < 0.5}]],
            [
                [
                    text,
                    {
                        name: wild_latent(value, random) if isinstance(value, torch.Tensor) else value
                        for name, value in values.items()
                    },
                ]
            ],
        )
    )


def wild_keyframes(keyframes: KeyframeSet, random: Random) -> KeyframeSet:
    """Keyframes that can be: of an odd size, count, place or type."""
    own = (keyframes.height, keyframes.width)
    height, width = random.choice((own, own, own, (1, 1), (2, 3), (16, 16), (33, 47), (64, 16), (1, 64)))
    frame_count = random.choice((2, 3, 4, 5, 9, keyframes.frame_count, keyframes.frame_count + 4, 61))
    count = random.choice((2, 2, 3, min(frame_count, 12)))
    ends = {0, frame_count - 1} if random.random() < 0.7 else set()
    frames = set(random.sample(range(frame_count), min(count, frame_count))) | ends
    change = random.choice((lambda image: image, lambda image: image, torch.zeros_like, lambda image: image.half()))
    images_THWC = (
        moving_clip(len(frames), height, width) if random.random() < 0.7 else torch.rand(len(frames), height, width, 3)
    )
    strengths = [random.choice((0.0, 0.5, 1.0)) for _ in frames]
    return KeyframeSet(frame_count, tuple(map(Keyframe, sorted(frames), map(change, images_THWC), strengths)))


def in_words(value: object) -> str:
    """A value for the report of a failure: short."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {in_words(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, KeyframeSet):
        first = value.keyframes[0].image_HWC
        return f"keyframes {value.frames} of {value.frame_count}, {in_words(first)}"
    if isinstance(value, int) and value.bit_length() > 100:
        return f"an int of {value.bit_length()} bits"
    return ascii(value)[:80]
