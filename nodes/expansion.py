"""What nodes share that put a graph in their place."""


def input_links(node_class, connected):
    """Where the inputs of a node come from: the host can tell by a link, and not by a value, that nothing has changed.

    Args:
        node_class: as `execute` gets it, with the hidden inputs unique_id and dynprompt.
        connected: the values of the inputs by name, which are returned where there is no prompt.
    """
    if node_class.hidden.dynprompt is None:
        return connected
    given = node_class.hidden.dynprompt.get_node(node_class.hidden.unique_id)["inputs"]
    return {name: given.get(name) for name in connected}


def flat_widgets(name, chosen):
    """The values of a dynamic combo as a prompt has them."""
    return {name: chosen[name], **{f"{name}.{key}": value for key, value in chosen.items() if key != name}}
