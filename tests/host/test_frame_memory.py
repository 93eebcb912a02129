"""Results that do not fit into free memory are refused before any work, with what would fit."""

import re
from collections import namedtuple
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

GIB = 2**30
Memory = namedtuple("Memory", "total available")


@pytest.fixture
def memory(host, monkeypatch):
    """Sets what the operating system says is free, in bytes; the host asks it for nothing else."""
    import psutil

    free = [64 * GIB]
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(64 * GIB, free[0]))

    def set_to(available):
        free[0] = int(available)

    return set_to


def room_for(free, height, width):
    from comfyui_inbetween.host.frame_memory import RESERVE, WORK_PER_PIXEL

    return free - RESERVE - WORK_PER_PIXEL * height * width


def refusal(ask):
    with pytest.raises(ValueError, match="GiB of memory, but only") as caught:
        ask()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_asked_what_is_free_and_what_would_fit(memory):
    from comfyui_inbetween.host.frame_memory import empty_frames

    memory(9.3 * GIB)
    assert refusal(lambda: empty_frames(1500, 1024, 2048)) == (
        "1500 frames of 2048x1024 need 35.2 GiB of memory, but only 9.3 GiB are free: at most 372 of this size fit, or "
        "1500 fit at 1034x516; ask for fewer or smaller frames, or close other programs."
    )


@settings(max_examples=40)
@given(st.integers(2, 4000), st.integers(16, 2160), st.integers(16, 3840), st.floats(0.3, 40))
def test_what_is_said_to_fit_fits_and_one_frame_more_does_not(host, count, height, width, free_gib):
    import psutil
    from comfyui_inbetween.host.frame_memory import check_room

    given_memory = pytest.MonkeyPatch()
    given_memory.setattr(psutil, "virtual_memory", lambda: Memory(64 * GIB, int(free_gib * GIB)))
    try:
        needed = count * height * width * 12
        if needed <= room_for(int(free_gib * GIB), height, width):
            check_room(count, height, width, 12)
            return
        text = refusal(lambda: check_room(count, height, width, 12))
        if fitting := re.search(r"at most (\d+) of this size fit", text):
            check_room(int(fitting[1]), height, width, 12)
            refusal(lambda: check_room(int(fitting[1]) + 1, height, width, 12))
        else:
            refusal(lambda: check_room(1, height, width, 12))
        if smaller := re.search(r"fit at (\d+)x(\d+)", text):
            small_width, small_height = map(int, smaller.groups())
            check_room(count, small_height, small_width, 12)
            assume(min(small_height, small_width) > 64)
            assert small_width / small_height == pytest.approx(width / height, rel=0.05)
            refusal(lambda: check_room(count, small_height + 6, small_width + 6, 12))
    finally:
        given_memory.undo()


def test_results_of_earlier_runs_give_way(memory):
    """The host keeps them while there is memory, and is asked to let go of as much as is needed."""
    import comfy.memory_management as memory_management
    from comfyui_inbetween.host.frame_memory import empty_frames

    asked = []

    def let_go(target, free_active=False):
        asked.append((target, free_active))
        memory(4 * GIB)

    memory(1 * GIB)
    before = memory_management.extra_ram_release_callback, memory_management.RAM_CACHE_HEADROOM
    memory_management.set_ram_cache_release_state(let_go, 0)
    try:
        assert empty_frames(60, 1024, 2048).shape == (60, 1024, 2048, 3)
    finally:
        memory_management.set_ram_cache_release_state(*before)
    ((target, free_active),) = asked
    assert not free_active  # what this run still needs stays
    assert room_for(target, 1024, 2048) == 60 * 1024 * 2048 * 12


def test_every_node_with_a_large_result_refuses_before_it_works(memory, all_nodes, monkeypatch):
    """Progress begins with the work, so none may be seen."""
    import comfy.utils
    from comfyui_inbetween.core.keyframes.keyframe_set import Keyframe, KeyframeSet
    from example_engines import flow_engine

    nodes = {node.define_schema().node_id: node for node in all_nodes}
    steps = []
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", lambda *seen, **_: steps.append(seen))
    clip = torch.rand(1, 256, 256, 3).expand(400, -1, -1, -1)  # 300 MiB that are not there
    keyframes = KeyframeSet(400, (Keyframe(0, clip[0]), Keyframe(399, clip[0])), images_checked=True)
    linear = {"easing": "linear"}
    memory(0.4 * GIB)
    needs = {
        "InbetweenInterpolate": "799 frames of 256x256 need 0.6 GiB",
        "InbetweenRefine": "400 frames of 256x256 need 0.3 GiB",
        "InbetweenFinish": "400 frames of 256x256 need 0.3 GiB",
        "InbetweenJoin": "799 frames of 256x256 need 0.6 GiB",
        "InbetweenFlowView": "399 frames of 256x256 need 0.5 GiB",
    }
    for name, inputs in {
        "InbetweenInterpolate": {
            "interpolator": flow_engine(),
            "frames": clip,
            "timing": {"timing": "multiplier", "multiplier": 2},
            "easing": linear,
        },
        "InbetweenRefine": {
            "interpolator": flow_engine(),
            "images": clip,
            "which": {"which": "worst", "score": "flicker", "count": 2},
            "strength": 1.0,
        },
        "InbetweenFinish": {"images": clip, "keyframes": keyframes, "put_back": {"put_back": "off"}},
        "InbetweenJoin": {
            "clips": {"clip0": clip, "clip1": clip},
            "overlap": 1,
            "seam": "cut",
            "match_colour": {"match_colour": "off"},
            "fps": 24.0,
        },
        "InbetweenFlowView": {"images": clip, "longest": 0.0, "legend": False},
    }.items():
        text = refusal(lambda node=nodes[name], inputs=inputs: node.EXECUTE_CHECKED(**inputs))
        assert text.startswith(needs[name])
    assert steps == []


def test_memory_that_is_there_is_taken(memory):
    from comfyui_inbetween.core.timing.moments import Instant
    from comfyui_inbetween.host.interpolation.engines import WEIGHT_FREE, load_interpolator
    from comfyui_inbetween.host.interpolation.run import interpolate

    memory(0.3 * GIB)
    frames, _ = interpolate(torch.rand(2, 32, 48, 3), [Instant(0, Fraction(1, 2))], load_interpolator(WEIGHT_FREE))
    assert frames.shape == (1, 32, 48, 3)
