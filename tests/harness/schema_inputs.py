"""The inputs of a node's schema, including those inside dynamic inputs."""

from collections.abc import Iterable, Iterator

from comfy_api.latest import io


def page_inputs(inputs: Iterable[io.Input]) -> Iterator[tuple[str, str, io.Input]]:
    """
    Every input that the page can show on a node, nested ones too.

    Yields:
        The id in the graph (`timing.multiplier`, `images.image0`), the name that the page shows, and the input.
    """
    for each in inputs:
        yield each.id, each.display_name or each.id, each
        if isinstance(each, io.Autogrow.Input):
            nested = each.template.get_all()
        elif isinstance(each, io.DynamicCombo.Input):
            nested = [inner for option in each.options for inner in option.inputs]
        else:
            nested = []
        for identifier, name, inner in page_inputs(nested):
            yield f"{each.id}.{identifier}", name, inner


def names_of_inputs(inputs: Iterable[io.Input]) -> set[str]:
    """What the page calls each input; those within an option too, the repeated slots of an Autogrow input once."""
    names = set()
    for each in inputs:
        names.add(each.display_name or each.id)
        if isinstance(each, io.DynamicCombo.Input):
            for option in each.options:
                names |= names_of_inputs(option.inputs)
    return names


def options_of_inputs(inputs: Iterable[io.Input]) -> set[str]:
    """The names of everything that can be chosen in a list."""
    choices = set()
    for _, _, each in page_inputs(inputs):
        if isinstance(each, io.DynamicCombo.Input):
            choices |= {option.key for option in each.options}
        elif isinstance(each, io.Combo.Input):
            choices |= set(each.options)
    return choices
