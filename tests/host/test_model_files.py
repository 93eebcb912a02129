"""Files of models in the host's folders, and the one sentence for those that are missing."""

import pytest
from comfyui_inbetween.core.errors import InbetweenError


@pytest.fixture
def folders(host, tmp_path, monkeypatch):
    """Two folders that the host knows: "both" and "new" are in the second, "both" and "old" in the first."""
    import folder_paths

    known = dict(folder_paths.folder_names_and_paths)
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", known)
    for folder, files in (("first_things", ("old", "both")), ("second_things", ("both", "new"))):
        known[folder] = ([str(tmp_path / folder)], {".pt"})
        (tmp_path / folder / "in").mkdir(parents=True)
        for name in files:
            (tmp_path / folder / f"{name}.pt").touch()
    (tmp_path / "second_things" / "in" / "deep.pt").touch()
    return tmp_path


@pytest.fixture
def things(folders):
    from comfyui_inbetween.host.model_files import ModelFolder

    return ModelFolder(("first_things", "second_things"), "a thing of example.org")


def test_files_of_all_folders_are_offered_once(things):
    import os

    assert sorted(things.names()) == sorted(["both.pt", "old.pt", "new.pt", os.path.join("in", "deep.pt")])


def test_the_first_folder_that_has_a_file_counts(things, folders):
    assert things.path("both.pt") == folders / "first_things" / "both.pt"
    assert things.path("new.pt") == folders / "second_things" / "new.pt"


def test_a_missing_file_is_told_with_what_belongs_there(things):
    where = "models/first_things or models/second_things; put a thing of example.org there, or "
    with pytest.raises(InbetweenError) as error:
        things.check("none.pt")
    assert str(error.value) == f'there is no "none.pt" in {where}choose another file.'
    for nothing in ("", None):
        with pytest.raises(InbetweenError) as error:
            things.check(nothing, "choose flow")
        assert str(error.value) == f"no file is chosen from {where}choose flow."
    things.check("new.pt")


def test_a_file_that_was_deleted_after_it_was_listed_is_told(things, folders):
    """The host keeps its lists for a while."""
    things.check("new.pt")
    (folders / "second_things" / "new.pt").unlink()
    with pytest.raises(InbetweenError, match=r'^there is no "new\.pt" in models/first_things or'):
        things.path("new.pt")


def test_a_file_outside_the_folder_is_not_reached(things, folders):
    (folders / "secret.pt").touch()
    with pytest.raises(InbetweenError, match="there is no"):
        things.path("../secret.pt")
