"""Pictures that come one by one, as a list, where a node needs them together: told by the real server in one line."""

import pytest
from prompts import keyframes_node, node

ENGINE = {"engine": node("InbetweenInterpolatorLoader", interpolator="optical flow (no model)")}
MULTIPLIED = {"timing": "multiplier", "timing.multiplier": 2}


def one_by_one(pictures, of=1):
    """A clip of two colours as a list; `of` frames in each item."""
    half = {"width": 48, "height": 32, "batch_size": pictures * of // 2}
    return {
        "dark": node("EmptyImage", color=0x336699, **half),
        "light": node("EmptyImage", color=0x6699CC, **half),
        "clip": node("ImageBatch", image1=["dark", 0], image2=["light", 0]),
        "list": node("RebatchImages", images=["clip", 0], batch_size=of),
    }


def interpolated(source):
    return {
        **ENGINE,
        "used": node("InbetweenInterpolate", interpolator=["engine", 0], frames=[source, 0], **MULTIPLIED),
        "show": node("PreviewImage", images=["used", 0]),
    }


def through(source, class_type, **inputs):
    return {"used": node(class_type, images=[source, 0], **inputs), "show": node("PreviewAny", source=["used", 0])}


REFINED = {"interpolator": ["engine", 0], "which": "every other", "which.passes": 1, "strength": 1.0}
VIEWED = {"longest": 0.0, "legend": False}
PLOTTED = {"width": 640, "height": 480}


@pytest.mark.parametrize(
    "prompt",
    [
        interpolated("list"),
        {**ENGINE, **through("list", "InbetweenRefine", **REFINED)},
        {"used": keyframes_node("list"), "show": node("PreviewAny", source=["used", 0])},
        {"used": keyframes_node("list", positions="0, 1, 2, 4"), "show": node("PreviewAny", source=["used", 0])},
        {"keys": keyframes_node("clip"), **through("list", "InbetweenFinish", keyframes=["keys", 0], put_back="off")},
        through("list", "InbetweenFlowView", **VIEWED),
        through("list", "InbetweenMotionPlot", **PLOTTED),
    ],
    ids=["interpolate", "refine", "keyframes", "keyframes at positions", "finish", "flow view", "motion plot"],
)
def test_single_pictures_are_counted_and_the_node_that_joins_them_is_named(server, prompt):
    failure = server.failure_of(one_by_one(4) | prompt)
    assert failure.message == (
        "4 pictures came one by one, as a list; join them into one batch with Rebatch Images (batch_size 4)."
    )


def test_what_it_says_helps(server):
    joined = {"together": node("RebatchImages", images=["list", 0], batch_size=6)}
    assert len(server.run(one_by_one(6) | joined | interpolated("together"))["show"]["images"]) == 11


def test_short_clips_are_named_too(server):
    prompt = one_by_one(3, of=2) | ENGINE | through("list", "InbetweenRefine", **REFINED)
    assert server.failure_of(prompt).message == (
        "3 clips came one by one, as a list; join them into one batch with Rebatch Images (batch_size 6); images has 2 "
        "frames; to rebuild some of them, connect 3 or more."
    )


def test_a_list_of_clips_is_worked_through(server):
    """As the host does it: each item by itself."""
    assert len(server.run(one_by_one(3, of=2) | interpolated("list"))["show"]["images"]) == 3 * 3


def test_one_picture_alone_is_no_list(server):
    prompt = one_by_one(2) | interpolated("dark")
    assert server.failure_of(prompt).message == "frames has one frame; connect a clip of 2 or more, or keyframes."
    # the run before it had a list at the same node
    server.failure_of(one_by_one(2) | interpolated("list"))
    assert server.failure_of(prompt).message == "frames has one frame; connect a clip of 2 or more, or keyframes."


def test_other_mistakes_in_a_list_stay_what_they_are(server):
    prompt = one_by_one(2, of=2) | interpolated("list")
    prompt["used"]["inputs"] |= {"timing": "times", "timing.times": "2"}
    assert server.failure_of(prompt).message.startswith("times: 2 is not between 0 and 1")


def test_join_works_on_single_pictures_and_says_what_is_odd(server):
    given = {"overlap": 0, "seam": "cut", "match_colour": "off", "fps": 24.0}
    prompt = one_by_one(4) | {
        "used": node("InbetweenJoin", **given, **{"clips.clip0": ["clip", 0], "clips.clip1": ["list", 0]}),
        "show": node("PreviewAny", source=["used", 2]),
    }
    (text, *_) = server.run(prompt)["show"]["text"]
    assert text.count(
        "Warning: clip 2 is one picture, and 4 items came one by one, as a list; if they are one clip, join them into "
        "one batch with Rebatch Images (batch_size 4)."
    )
    assert "clip 1 is one picture" not in text
    prompt["used"]["inputs"]["clips.clip1"] = ["clip", 0]
    assert "as a list" not in server.run(prompt)["show"]["text"][0]


def test_the_node_named_is_called_so(host):
    from comfy_extras.nodes_rebatch import ImageRebatch
    from comfyui_inbetween.host.list_items import JOINER

    assert ImageRebatch.define_schema().display_name == JOINER
    assert ImageRebatch.INPUT_IS_LIST
