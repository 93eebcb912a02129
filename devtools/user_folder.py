"""The host's base directory in `.dev`: its folders, the pack in it, the sample keyframes."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .layout import Layout
from .messages import DevError, say

FOLDERS = ("models", "input", "output", "temp", "user", "custom_nodes")
PACK_FOLDER = "ComfyUI-Inbetween"


def prepare_user_folder(layout: Layout) -> None:
    """
    Creates the folders, links the pack and copies the sample keyframes.

    The host looks for packs only in its base directory. So the link is needed, and the pack is not loaded twice even if
    the clone is in the host's own `custom_nodes`.
    """
    for folder in FOLDERS:
        (layout.user / folder).mkdir(parents=True, exist_ok=True)
    link_pack(layout.root, layout.user / "custom_nodes" / PACK_FOLDER)
    copy_samples(layout.sample_inputs, layout.user / "input")


def link_pack(root: Path, link: Path) -> None:
    """Links `link` to the clone: with a symbolic link, or with a junction if Windows does not allow that."""
    if link.exists() and link.resolve() == root.resolve():
        return
    if link.is_symlink():
        link.unlink()  # the clone was moved
    elif link.is_dir() and link.resolve() != link.absolute():
        link.rmdir()  # the same for a junction; this removes only the link
    elif link.exists():
        raise DevError(f"{link} is in the way: dev.py links the pack there. Move it elsewhere.")
    try:
        link.symlink_to(root, target_is_directory=True)
    except OSError:
        if sys.platform != "win32":
            raise
        command = f'mklink /J "{link}" "{root}"'
        made = subprocess.run(command, shell=True, capture_output=True, text=True)
        if made.returncode != 0:
            raise DevError(f"the pack could not be linked into {link.parent}: {made.stderr.strip()}") from None


def copy_samples(samples: Path, target: Path) -> None:
    """Copies the sample keyframes; does not overwrite a user's file with the same name."""
    for sample in sorted(file for file in samples.iterdir() if file.is_file()):
        copy = target / sample.name
        if not copy.exists():
            partial = copy.with_name(copy.name + ".part")
            shutil.copyfile(sample, partial)
            os.replace(partial, copy)
        elif not filecmp.cmp(sample, copy, shallow=False):
            say(f"{copy} differs from the sample with that name; your file is kept and used")
