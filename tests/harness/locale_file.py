"""
The locale files, generated from the schemas so that they cannot differ from them.

The English file is more than a copy: only there does the page find tooltips for the sockets that an Autogrow input
adds. The files of other languages are generated from it and `locales/LANGUAGE/texts.json`, which has a translation for
each English text. "image#" stands for image0, image1 and so on. If a text needs another translation in one place, the
key names that place: "InbetweenClipContext.inputs.gap_clip.name".
"""

import re
from collections.abc import Iterable, Iterator

from comfy_api.latest import io
from schema_inputs import page_inputs

_NUMBERED = re.compile(r"([a-z]+)(\d+)")


def node_definitions(node_classes: Iterable[type[io.ComfyNode]]) -> dict:
    """What `locales/en/nodeDefs.json` has to hold: texts by node id, input id (dots as underscores), output number."""
    return {schema.node_id: _node_texts(schema) for schema in (node_class.GET_SCHEMA() for node_class in node_classes)}


def _node_texts(schema: io.Schema) -> dict:
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {
            identifier.replace(".", "_"): {"name": name, "tooltip": each.tooltip}
            for identifier, name, each in page_inputs(schema.inputs)
        },
        "outputs": {
            str(number): {"name": output.display_name, "tooltip": output.tooltip}
            for number, output in enumerate(schema.outputs)
        },
    }


def translated(definitions: dict, texts: dict[str, str]) -> dict:
    """The definitions in another language; what has no translation is left out."""
    return _translated(definitions, texts, "")


def _translated(part: dict, texts: dict[str, str], place: str) -> dict:
    result: dict = {}
    for key, value in part.items():
        here = f"{place}.{key}" if place else key
        if isinstance(value, dict):
            result[key] = _translated(value, texts, here)
        elif (text := _text(value, texts, here)) is not None:
            result[key] = text
    return result


def _text(english: str, texts: dict[str, str], place: str) -> str | None:
    numbered = _NUMBERED.fullmatch(english)
    if place not in texts and english not in texts and numbered and f"{numbered[1]}#" in texts:
        return texts[f"{numbered[1]}#"].replace("#", numbered[2])
    return texts.get(place, texts.get(english))


def leaves(part: dict, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text of definitions with its place."""
    for key, value in part.items():
        here = f"{place}.{key}" if place else key
        if isinstance(value, dict):
            yield from leaves(value, here)
        else:
            yield here, value


def unused(definitions: dict, texts: dict[str, str]) -> set[str]:
    """Keys of a table that translate nothing: the English text was changed, or the place is gone."""
    known = {key for pair in leaves(definitions) for key in pair}
    known |= {f"{match[1]}#" for text in known if (match := _NUMBERED.fullmatch(text))}
    return texts.keys() - known


def rekeyed(before: dict, after: dict, texts: dict[str, str]) -> dict[str, str]:
    """A table of translations after English texts were reworded: each keeps its translation, under the new text.

    Args:
        before, after: English definitions, as `node_definitions` gives them.
        texts: the table for `before`.

    Returns:
        The table for `after`, in the same order. Nothing is invented: texts at new places have to be translated.
    """
    reworded: dict[str, list[str]] = {}
    old, known = dict(leaves(before)), {text for pair in leaves(after) for text in pair}
    for place, text in leaves(after):
        if old.get(place, text) != text and text not in texts:
            reworded.setdefault(old[place], []).append(text)
    table: dict[str, str] = {}
    for english, translation in texts.items():
        if english in known or english not in reworded:
            table[english] = translation
        table |= dict.fromkeys(reworded.get(english, []), translation)
    return table
