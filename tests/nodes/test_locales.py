"""Languages: every name and tooltip is there, none is stale, and numbers and choices are those of the English text."""

import json
import re
from collections import Counter

import pytest
from golden_files import assert_in_step
from project_paths import LOCALES

LANGUAGES = sorted(folder.name for folder in LOCALES.iterdir() if folder.name != "en")
SPECIAL_IN_MESSAGES = re.compile(r"[@{}|]")
NUMBER = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def english(all_nodes) -> dict:
    from locale_file import node_definitions

    return node_definitions(all_nodes)


@pytest.fixture(params=LANGUAGES)
def language(request) -> str:
    return request.param


@pytest.fixture
def texts(language) -> dict[str, str]:
    return json.loads((LOCALES / language / "texts.json").read_text(encoding="utf-8"))


def test_there_are_the_languages_we_promise():
    assert {"ja", "zh"} <= set(LANGUAGES)


def test_every_text_is_translated_and_none_is_stale(english, texts):
    from locale_file import leaves, translated, unused

    missing = dict(leaves(english)).keys() - dict(leaves(translated(english, texts))).keys()
    assert {place: dict(leaves(english))[place] for place in missing} == {}
    assert unused(english, texts) == set()


def test_the_file_is_in_step_with_the_schemas(english, texts, language):
    from locale_file import translated

    assert_in_step(LOCALES / language / "nodeDefs.json", translated(english, texts))


def test_sentences_are_in_the_language(texts):
    """Not left in English: a sentence without a letter of the language's own script is none."""
    sentences = {key: text for key, text in texts.items() if key.endswith(".") and " " in key}
    assert len(sentences) > 200
    assert [key for key, text in sentences.items() if all(ord(letter) < 0x2E80 for letter in text)] == []


def test_numbers_and_special_characters(texts):
    for key, text in texts.items():
        assert text.strip() == text != ""
        assert not SPECIAL_IN_MESSAGES.search(text), key
        if " " in key:
            assert Counter(NUMBER.findall(key)) <= Counter(NUMBER.findall(text)), key  # "one" may be 1 elsewhere


def test_two_inputs_of_a_node_do_not_get_one_name(english, texts):
    from locale_file import translated

    for node, about in translated(english, texts).items():
        for part in ("inputs", "outputs"):
            original = {each["name"] for each in english[node][part].values()}
            assert len({each["name"] for each in about[part].values()}) == len(original), node


def test_what_is_missing_or_stale_would_be_seen(host):
    from locale_file import leaves, translated, unused

    definitions = {"A": {"inputs": {"x": {"name": "image7", "tooltip": "One."}, "y": {"name": "end"}}}}
    texts = {"image#": "B#", "A.inputs.y.name": "E", "Gone.": "G"}
    assert dict(leaves(translated(definitions, texts))) == {"A.inputs.x.name": "B7", "A.inputs.y.name": "E"}
    assert unused(definitions, texts) == {"Gone."}


def test_translations_follow_reworded_texts(host):
    from locale_file import rekeyed

    before = {"A": {"inputs": {"x": {"tooltip": "Old."}, "y": {"tooltip": "Same."}, "z": {"tooltip": "Old."}}}}
    after = {"A": {"inputs": {"x": {"tooltip": "New."}, "y": {"tooltip": "Same."}, "z": {"tooltip": "Other."}}}}
    texts = {"Old.": "O", "Same.": "S", "Stale.": "T"}
    assert rekeyed(before, after, texts) == {"New.": "O", "Other.": "O", "Same.": "S", "Stale.": "T"}
    kept = {"A": {"inputs": {"x": {"tooltip": "New."}, "y": {"tooltip": "Same."}, "z": {"tooltip": "Old."}}}}
    assert rekeyed(before, kept, texts) == {"Old.": "O", "New.": "O", "Same.": "S", "Stale.": "T"}


def test_categories_are_translated(all_nodes, language):
    named = json.loads((LOCALES / language / "main.json").read_text(encoding="utf-8"))["nodeCategories"]
    parts = {part for node in all_nodes for part in node.GET_SCHEMA().category.split("/")}
    new = parts - named.keys() - {"audio"}  # which the host has
    assert not new, f"translate {', '.join(sorted(new))} in locales/{language}/main.json, or use another category"
    assert named.keys() <= parts


def test_the_server_hands_them_to_the_page(server, language):
    told = server.get("/i18n").json()[language]
    assert told["nodeDefs"]["InbetweenKeyframes"]["display_name"] != "Keyframes"
    assert told["nodeCategories"]["in-between"] != "in-between"
