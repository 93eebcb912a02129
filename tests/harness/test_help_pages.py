"""The reader of help pages, which other tests use to compare the pages with the schemas."""

from help_pages import described_names, image_links

PAGE = """# Node

Text with `code`.

![A picture](Node/node.jpg)

## Inputs

| Input | What it does |
|---|---|
| `width`, `height` | Size; see `other`. |
| `fit` | How. |

- **count**: as `many`

## Output

| Output | What it is |
|---|---|
| `frames` | All. |
"""


def test_names_are_read_from_the_first_column_only():
    assert described_names(PAGE, "Inputs") == {"width", "height", "fit", "count"}
    assert described_names(PAGE, "Outputs") == {"frames"}


def test_pictures_are_found():
    assert image_links(PAGE) == [("A picture", "Node/node.jpg")]
