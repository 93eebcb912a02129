"""
A program for a process of its own: imports every module of the pack, and prints as JSON what that changed.

    python -B import_probe.py core samplers ...                       the pack without a host
    python -B import_probe.py --host-directory PATH core ... nodes    with the host, including the entry point
"""

import argparse
import asyncio
import contextlib
import importlib
import io
import json
import logging
import os
import pkgutil
import random
import sys
import warnings
from pathlib import Path

PACKAGE = "comfyui_inbetween"
HOST_ROOTS = (
    "comfy",
    "comfy_api",
    "comfy_extras",
    "comfy_execution",
    "folder_paths",
    "node_helpers",
    "nodes",
    "execution",
)
WATCHED_EVENTS = (
    "socket.",
    "subprocess.",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.system",
    "urllib.",
    "ctypes.dlopen",
)


def settings() -> dict[str, object]:
    """What is global in this process and might be changed by a careless import."""
    import cv2
    import numpy
    import torch

    return {
        "default dtype": str(torch.get_default_dtype()),
        "default device": str(torch.get_default_device()),
        "gradients": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": [torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32],
        "matmul": [torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32],
        "torch random state": hash(torch.get_rng_state().numpy().tobytes()),
        "numpy random state": hash(numpy.random.get_state()[1].tobytes()),
        "random state": hash(random.getstate()),
        "numpy errors": numpy.geterr(),
        "cv2": [cv2.getNumThreads(), cv2.useOptimized(), cv2.ocl.useOpenCL()],
        "environment": dict(os.environ),
        "import path": list(sys.path),
        "warning filters": len(warnings.filters),
        "log handlers": len(logging.getLogger().handlers),
        "log level": logging.getLogger().level,
    }


def host_names() -> dict[str, int]:
    """Identity of everything that stands in the host's modules and in their classes."""
    found = {}
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] not in HOST_ROOTS:
            continue
        for name, value in list(vars(module).items()):
            found[f"{module_name}.{name}"] = id(value)
            if isinstance(value, type) and value.__module__ == module_name:
                found |= {f"{module_name}.{name}.{inner}": id(each) for inner, each in vars(value).items()}
    return found


def import_rooms(rooms: list[str]) -> None:
    """Imports every module of the named packages."""
    importlib.import_module(PACKAGE)
    for room in rooms:
        package = importlib.import_module(f"{PACKAGE}.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.{room}."):
            importlib.import_module(module.name)


def listed_nodes() -> list[str]:
    """The ids that the entry point gives to the host."""

    async def ask() -> list[str]:
        extension = await importlib.import_module(PACKAGE).comfy_entrypoint()
        await extension.on_load()
        return [node_class.GET_SCHEMA().node_id for node_class in await extension.get_node_list()]

    return asyncio.run(ask())


def main() -> None:
    """Imports what the command line says, and reports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host-directory", type=Path, help="an empty folder for the host's models, input and so on")
    parser.add_argument("rooms", nargs="+")
    options = parser.parse_args()
    if options.host_directory:
        from real_host import boot_host

        boot_host(options.host_directory)
        import comfy_api.latest  # noqa: F401 - the host has it before any pack
    for library in ("torch", "torchvision", "torchaudio", "einops", "safetensors.torch", "numpy", "cv2"):
        importlib.import_module(library)

    events: list[str] = []
    watching = False

    def watch(event: str, arguments: tuple) -> None:
        if not watching:
            return
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if writes or event.startswith(WATCHED_EVENTS):
            events.append(f"{event} {arguments[:2]}")

    sys.addaudithook(watch)
    before, names = settings(), host_names()
    printed = io.StringIO()
    watching = True
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        import_rooms(options.rooms)
    watching = False
    now, names_now = settings(), host_names()
    report = {
        "events": events,
        "printed": printed.getvalue(),
        "settings": [name for name in before if before[name] != now[name]],
        "host names": [name for name, identity in names.items() if names_now.get(name) != identity],
        "host modules": sorted(module for module in sys.modules if module.split(".")[0] in HOST_ROOTS),
        "nodes": listed_nodes() if options.host_directory else [],
    }
    print(json.dumps(report))  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
