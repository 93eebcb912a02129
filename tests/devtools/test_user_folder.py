"""The base directory: the user's files in it stay."""

import pytest

from devtools.messages import DevError
from devtools.user_folder import FOLDERS, PACK_FOLDER, link_pack, prepare_user_folder


def test_the_folders_the_pack_and_the_samples_are_there(clone):
    (clone.sample_inputs / "first.jpg").write_bytes(b"sample")
    for _ in range(2):
        prepare_user_folder(clone)
        assert {path.name for path in clone.user.iterdir()} == set(FOLDERS)
        assert [path.name for path in (clone.user / "input").iterdir()] == ["first.jpg"]
        assert [path.resolve() for path in (clone.user / "custom_nodes").iterdir()] == [clone.root.resolve()]


def test_a_file_of_the_user_is_not_overwritten(clone, capsys):
    (clone.sample_inputs / "first.jpg").write_bytes(b"sample")
    own = clone.user / "input" / "first.jpg"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"my own")  # as long as the sample
    prepare_user_folder(clone)
    assert own.read_bytes() == b"my own"
    assert str(own) in capsys.readouterr().out


def test_the_link_follows_a_clone_that_was_moved(clone, tmp_path):
    prepare_user_folder(clone)
    link = clone.user / "custom_nodes" / PACK_FOLDER
    (tmp_path / "moved").mkdir()
    link_pack(tmp_path / "moved", link)
    assert link.resolve() == (tmp_path / "moved").resolve()
    assert clone.root.is_dir()


def test_a_folder_in_the_place_of_the_link_is_not_removed(clone):
    in_the_way = clone.user / "custom_nodes" / PACK_FOLDER
    in_the_way.mkdir(parents=True)
    with pytest.raises(DevError, match=r"is in the way"):
        prepare_user_folder(clone)
    assert in_the_way.is_dir()
