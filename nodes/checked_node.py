"""The base class of every node in the pack: it checks inputs against the node's schema before the node runs.

The host checks widget values when a graph is queued. Values that come through links are known only when the graph runs,
and the host passes them on unchecked. Python code that calls `execute` directly skips this check; the core functions
check what they need.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from comfy_api.latest import io

from ..core.errors import InbetweenError, TooFewFramesError
from ..core.limits import check_between, check_choice, choice_hint, number_of, range_hint, shown
from ..host.list_items import count_item, explained

Inputs = dict[str, Any]

_LOADED = {
    "MODEL": ("model", "Load Diffusion Model"),
    "CLIP": ("text encoder", "Load CLIP"),
    "VAE": ("VAE", "Load VAE"),
    "CLIP_VISION": ("CLIP vision", "Load CLIP Vision"),
}


class InbetweenNode(io.ComfyNode):
    """A node that refuses inputs outside its schema with a one-line error."""

    FUNCTION = "EXECUTE_CHECKED"  # the method the host calls

    @classmethod
    def EXECUTE_CHECKED(cls, **given: object) -> io.NodeOutput:  # noqa: N802 - follows the host's naming
        """Check all inputs, then execute.

        Raises:
            InbetweenError: an input is missing, has the wrong type, is outside its limits or is not one of its options.
        """
        inputs = cls.define_schema().inputs
        readable = _readable(inputs, given)
        _ask_the_node(cls, readable)
        _check_choices(inputs, readable)
        try:
            return cls.EXECUTE_NORMALIZED(**readable)
        except TooFewFramesError as error:
            raise explained(error) from error

    @classmethod
    def check_lazy_status(cls, **_: object) -> list[str]:
        """All inputs are needed. The host asks once for each item of a list, before it calls the node for the first."""
        count_item()
        return []


def _readable(inputs: Iterable[io.Input], given: Mapping[str, Any]) -> Inputs:
    """Inputs converted to the types in the schema, with numbers within their limits and without empty optional inputs.

    Raises:
        InbetweenError: an input is missing, has the wrong type, is outside its limits, or is not in the schema.
    """
    readable: Inputs = {}
    for each in inputs:
        value = given.get(each.id)
        if value is not None:
            readable[each.id] = _read(each, value)
        elif isinstance(each, io.Autogrow.Input):
            readable[each.id] = {}
        elif not each.optional:
            raise _missing(each, each.id in given)
    unknown = [name for name in given if name not in {each.id for each in inputs}]
    if unknown:
        raise InbetweenError(f"the options chosen here have no input {shown(unknown[0])}; remove its link.")
    return readable


def _read(each: io.Input, value: Any) -> Any:
    """One value, converted to the type in the schema if it has another."""
    match each:
        case io.Int.Input() | io.Float.Input():
            number = number_of(value, _name(each), isinstance(each, io.Int.Input), _hint(each))
            check_between(number, _name(each), each.min, each.max)
            return number
        case io.Boolean.Input():
            return value if isinstance(value, bool) else bool(number_of(value, _name(each), False, _hint(each)))
        case io.String.Input() if not isinstance(value, str):
            raise InbetweenError(f"{_name(each)} is {shown(value)}, which is not text; {_hint(each)}.")
        case io.Combo.Input() if not isinstance(value, str | int | float):
            raise InbetweenError(f"{_name(each)} is {shown(value)}; {_hint(each)}.")
        case io.DynamicCombo.Input():
            if not isinstance(value, Mapping):
                raise InbetweenError(f"{_name(each)} cannot come through a link; {_hint(each)} on the node.")
            check_choice(value.get(each.id), _name(each), [option.key for option in each.options])
            nested = {name: inner for name, inner in value.items() if name != each.id}
            return {each.id: value[each.id], **_readable(_chosen(each, value), nested)}
        case io.Autogrow.Input():
            template = {inner.id: inner for inner in each.template.get_all()}
            empty = next((name for name in value if value[name] is None or name not in template), None)
            if empty is not None:
                raise InbetweenError(f"{shown(empty)} received nothing; connect something else, or remove its link.")
            return {name: _read(template[name], inner) for name, inner in value.items()}
    return value


def _ask_the_node(cls: type[io.ComfyNode], inputs: Inputs) -> None:
    """Run the node's own `validate_inputs` again: the host ran it before the values from links were known."""
    own = inspect.getattr_static(cls, "validate_inputs")
    if own is inspect.getattr_static(io.ComfyNode, "validate_inputs"):
        return
    wanted = inspect.signature(cls.validate_inputs).parameters
    everything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in wanted.values())
    verdict = cls.validate_inputs(**{name: inputs[name] for name in inputs if everything or name in wanted})
    if verdict is not True:
        raise InbetweenError(str(verdict))


def _check_choices(inputs: Iterable[io.Input], given: Inputs) -> None:
    """Check that each choice is one of its options, nested inputs included."""
    for each in inputs:
        if isinstance(each, io.Combo.Input) and each.id in given:
            check_choice(given[each.id], _name(each), each.options)
        elif isinstance(each, io.DynamicCombo.Input) and each.id in given:
            _check_choices(_chosen(each, given[each.id]), given[each.id])


def _chosen(each: io.DynamicCombo.Input, value: Mapping[str, Any]) -> list[io.Input]:
    """The inputs of the chosen option."""
    return next(option.inputs for option in each.options if option.key == value[each.id])


def _missing(each: io.Input, connected: bool) -> InbetweenError:
    """The error for a required input without a value. A loader outputs None for a model its file does not contain."""
    if connected and each.get_io_type() in _LOADED:
        what, loader = _LOADED[each.get_io_type()]
        return InbetweenError(f"the loaded checkpoint contains no {what}; connect one from {loader}.")
    return InbetweenError(f"{_name(each)} {'received nothing' if connected else 'is missing'}; {_hint(each)}.")


def _name(each: io.Input) -> str:
    """The name of an input on the page."""
    return each.display_name or each.id


def _hint(each: io.Input) -> str:
    """How an error states what is allowed."""
    match each:
        case io.Int.Input() | io.Float.Input():
            return range_hint(each.min, each.max)
        case io.Combo.Input():
            return choice_hint(each.options)
        case io.DynamicCombo.Input():
            return choice_hint([option.key for option in each.options])
        case io.Boolean.Input():
            return "give true or false"
        case io.String.Input():
            return "give text"
    return "connect it"
