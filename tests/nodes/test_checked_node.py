"""Values that come through links are held to the schema, as the host holds widgets."""

from fractions import Fraction

import numpy as np
import pytest
import torch

GIVEN = {
    "count": 7,
    "share": 0.5,
    "fit": "crop",
    "text": "0, -1",
    "loop": True,
    "which": {"which": "worst", "passes": 3},
    "images": {},
}


@pytest.fixture(scope="module")
def echo(host):
    """Runs a node that gives back its inputs, as the host runs it."""
    from comfy_api.internal import make_locked_method_func
    from comfy_api.latest import io
    from comfyui_inbetween.nodes.checked_node import InbetweenNode

    class Echo(InbetweenNode):
        @classmethod
        def define_schema(cls):
            passes = io.Int.Input("passes", default=1, min=1, max=8)
            shown = io.Float.Input("end_share", display_name="share of the end", min=0.0, max=1.0)
            file = io.Combo.Input("file", options=["a.pth"])
            return io.Schema(
                node_id="Echo",
                inputs=[
                    io.Int.Input("count", min=1, max=64),
                    io.Float.Input("share", min=0.0, max=1.0),
                    io.Combo.Input("fit", options=["crop", "pad", "off"]),
                    io.String.Input("text"),
                    io.Boolean.Input("loop"),
                    io.DynamicCombo.Input(
                        "which",
                        options=[
                            io.DynamicCombo.Option("worst", [passes]),
                            io.DynamicCombo.Option("blend", [shown]),
                            io.DynamicCombo.Option("list", []),
                        ],
                    ),
                    io.Autogrow.Input(
                        "images", io.Autogrow.TemplatePrefix(io.Image.Input("image", optional=True), "image", 1, 2)
                    ),
                    io.Combo.Input("sampler", options=[f"sampler {number}" for number in range(50)], optional=True),
                    io.Int.Input("seed", min=0, max=2**64 - 1, optional=True),
                    io.Model.Input("model", optional=True),
                    io.Vae.Input("vae"),
                    io.Mask.Input("region"),
                    file,
                ],
                outputs=[io.AnyType.Output("all")],
            )

        @classmethod
        def validate_inputs(cls, file=None):
            return True if file == "a.pth" else f'there is no "{file}" in models/loras; put it there.'

        @classmethod
        def execute(cls, **given):
            return io.NodeOutput(given)

    def run(**changes):
        call = make_locked_method_func(Echo, Echo.FUNCTION, Echo.PREPARE_CLASS_CLONE(None))
        given = {**GIVEN, "file": "a.pth", "vae": "a VAE", "region": "a mask", **changes}
        return call(**{name: value for name, value in given.items() if value is not ...}).result[0]

    return run


@pytest.fixture(scope="module")
def refused(echo, host):
    """The text of the error for some inputs."""
    from comfyui_inbetween.core.errors import InbetweenError

    def error(**changes):
        with pytest.raises(InbetweenError) as raised:
            echo(**changes)
        return str(raised.value)

    return error


def test_every_node_is_checked(all_nodes):
    from comfyui_inbetween.nodes.checked_node import InbetweenNode

    assert [node for node in all_nodes if not issubclass(node, InbetweenNode)] == []
    assert {node.FUNCTION for node in all_nodes} == {InbetweenNode.FUNCTION}


def test_right_values_arrive_as_they_are(echo):
    right = {
        "count": 64,
        "share": 1.0,
        "seed": 2**64 - 1,
        "text": "",
        "loop": False,
        "model": object(),
        "sampler": "sampler 49",
    }
    image = torch.zeros(1, 2, 2, 3)
    arrived = echo(**right, images={"image1": image}, which={"which": "blend", "end_share": 0.25})
    for name, value in right.items():
        assert arrived[name] is value
    assert arrived["images"]["image1"] is image
    assert arrived["which"] == {"which": "blend", "end_share": 0.25}


@pytest.mark.parametrize(
    ("name", "given", "arrives"),
    [
        ("count", 24.0, 24),
        ("count", np.int64(3), 3),
        ("count", torch.tensor(5), 5),
        ("count", True, 1),
        ("share", np.float32(0.5), 0.5),
        ("share", Fraction(1, 4), 0.25),
        ("share", 1, 1),
        ("loop", 1, True),
        ("loop", np.bool_(False), False),
    ],
)
def test_numbers_of_other_types_become_plain_ones(echo, name, given, arrives):
    value = echo(**{name: given})[name]
    assert value == arrives
    assert type(value) is type(arrives)


def test_an_optional_input_that_gets_nothing_is_left_out(echo):
    assert "seed" not in echo(seed=None, model=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "count is 0; give 1 to 64."),
        ({"count": 65}, "count is 65; give 1 to 64."),
        ({"count": 10**5000}, "count is about 10^5000; give 1 to 64."),
        ({"count": 2.5}, "count is 2.5, but must be a whole number; use 2 or 3."),
        ({"count": float("inf")}, "count is inf; give 1 to 64."),
        ({"count": "5"}, 'count is "5", which is not a number; give 1 to 64.'),
        ({"count": torch.tensor([1, 2])}, "count is of the type Tensor, which is not a number; give 1 to 64."),
        ({"count": None}, "count received nothing; give 1 to 64."),
        ({"count": ...}, "count is missing; give 1 to 64."),
        ({"seed": 2**64}, "seed is 18446744073709551616; give 0 to 18446744073709551615."),
        ({"share": float("nan")}, "share is nan; give 0 to 1."),
        ({"share": 10**400}, "share is about 10^400; give 0 to 1."),
        ({"share": -1e-30}, "share is -1e-30; give 0 to 1."),
        ({"fit": "crop "}, 'fit is "crop "; choose crop, pad or off.'),
        ({"fit": 3}, "fit is 3; choose crop, pad or off."),
        ({"fit": ["crop"]}, "fit is of the type list; choose crop, pad or off."),
        ({"sampler": "sampler 481"}, 'sampler is "sampler 481"; choose one of 50, such as sampler 48, sampler 41, '),
        ({"text": 5}, "text is 5, which is not text; give text."),
        ({"loop": "yes"}, 'loop is "yes", which is not a number; give true or false.'),
        ({"which": {"which": "worst", "passes": 9}}, "passes is 9; give 1 to 8."),
        ({"which": {"which": "blend", "end_share": 2}}, "share of the end is 2; give 0 to 1."),
        ({"which": {"which": "best"}}, 'which is "best"; choose worst, blend or list.'),
        ({"which": {"which": "worst"}}, "passes is missing; give 1 to 8."),
        ({"which": {"which": "list", "passes": 1}}, 'the options chosen here have no input "passes"; remove its'),
        ({"which": "worst"}, "which cannot come through a link; choose worst, blend or list on the node."),
        ({"which": ...}, "which is missing; choose worst, blend or list."),
        ({"images": {"image0": None}}, '"image0" received nothing; connect something else, or remove its link.'),
        ({"vae": None}, "the loaded checkpoint contains no VAE; connect one from Load VAE."),
        ({"vae": ...}, "vae is missing; connect it."),
        ({"region": None}, "region received nothing; connect it."),
        ({"other": 1}, 'the options chosen here have no input "other"; remove its link.'),
        ({"file": "b.pth"}, 'there is no "b.pth" in models/loras; put it there.'),
    ],
)
def test_what_the_schema_does_not_allow_is_told_in_one_line(refused, changes, message):
    text = refused(**changes)
    assert text.startswith(message)
    assert text.endswith(".")
    assert len(text.splitlines()) == 1


def test_a_node_with_words_of_its_own_is_asked_for_them(host):
    """When the graph is sent the host asks `validate_inputs`, which then knows nothing of what comes through links."""
    from comfyui_inbetween.core.errors import InbetweenError
    from comfyui_inbetween.nodes import InbetweenKeyframes, InbetweenLoraMixtureLoader
    from node_examples import EXAMPLES

    given = next(EXAMPLES["InbetweenKeyframes"]())
    for node, inputs, message in (
        (InbetweenKeyframes, {**given, "frame_rule": "3n"}, 'frame_rule is "3n"; choose any, 4n+1 or 8n+1'),
        (InbetweenKeyframes, {**given, "frame_rule": "4n+1", "frame_count": 10}, "frame_count 10 breaks the rule"),
        (InbetweenLoraMixtureLoader, {"file": "none.ckpt"}, 'there is no "none.ckpt" in models/loras; put semfi.ckpt'),
    ):
        with pytest.raises(InbetweenError, match=message.replace("+", r"\+")):
            node.EXECUTE_CHECKED(**inputs)
