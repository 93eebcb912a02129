"""The journal of finished parts."""

import json

import pytest
from comfyui_inbetween.core.errors import InbetweenError
from comfyui_inbetween.media.journal import JOURNAL, Journal, check_disk


def add(journal, frames, content=b"part", told=()):
    path = journal.path("mp4")
    with open(path, "wb") as file:
        file.write(content)
    journal.add(path, frames, told)


@pytest.fixture
def folder(tmp_path):
    """A folder with three parts of the fingerprint "a"."""
    journal = Journal(tmp_path / "parts", "a")
    for frames in (10, 20, 5):
        add(journal, frames, told=((frames, True, [1, 2]),))
    return journal.folder


def test_parts_are_found_again(folder):
    journal = Journal(folder, "a")
    assert [(part.file, part.first, part.frames, part.size) for part in journal.parts] == [
        ("part_00000.mp4", 0, 10, 4),
        ("part_00001.mp4", 10, 20, 4),
        ("part_00002.mp4", 30, 5, 4),
    ]
    assert (journal.next_frame, journal.size) == (35, 12)
    assert journal.parts[1].told == ([20, True, [1, 2]],)
    assert [frames for _, frames in journal.files()] == [10, 20, 5]


def test_another_fingerprint_uses_nothing_and_removes_it(folder):
    journal = Journal(folder, "b")
    assert (journal.parts, journal.next_frame) == ([], 0)
    assert [file.name for file in folder.iterdir()] == [JOURNAL]


@pytest.mark.parametrize("broken", ["missing", "short", "long"])
def test_a_damaged_part_ends_what_is_used(folder, broken):
    part = folder / "part_00001.mp4"
    part.unlink() if broken == "missing" else part.write_bytes(b"par" if broken == "short" else b"parts")
    journal = Journal(folder, "a")
    assert journal.next_frame == 10
    assert sorted(file.name for file in folder.iterdir()) == ["part_00000.mp4", JOURNAL]


def test_a_part_that_was_not_finished_is_removed(folder):
    (folder / "part_00003.mp4.unfinished.mp4").write_bytes(b"half")
    (folder / "parts.new").write_text("{")
    (folder / "part_00003.mp4").write_bytes(b"finished, but not in the journal")
    assert Journal(folder, "a").next_frame == 35
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1, "fingerprint": "a", "parts": [{}]}'])
def test_a_damaged_journal_uses_nothing(folder, text):
    (folder / JOURNAL).write_text(text)
    assert Journal(folder, "a").parts == []


def test_a_gap_between_parts_is_not_used(folder):
    written = json.loads((folder / JOURNAL).read_text())
    written["parts"].pop(1)
    (folder / JOURNAL).write_text(json.dumps(written))
    assert Journal(folder, "a").next_frame == 10


def test_removing_leaves_nothing(folder):
    Journal(folder, "a").remove()
    assert not folder.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InbetweenError, match="cannot be written"):
        Journal(tmp_path / "file" / "parts", "a")


def test_the_disk(tmp_path):
    check_disk(tmp_path / "not" / "there", 1, "the video")
    with pytest.raises(InbetweenError, match=rf"the video needs about 1000000000\.0 GB on the disk of {tmp_path.name}"):
        check_disk(tmp_path / "not", 1e18, "the video")
