"""Which folders are packages: all of those below the rooms of the pack. Everything else is in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("core", "host", "media", "networks", "nodes", "samplers")

# The root itself is the package comfyui_inbetween, because ComfyUI imports it as a folder of custom_nodes.
setup(
    packages=[
        "comfyui_inbetween",
        *(f"comfyui_inbetween.{name}" for room in ROOMS for name in find_packages(include=(room, f"{room}.*"))),
    ]
)
