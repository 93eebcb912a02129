"""What every test can ask for: the host in this process, tiny models, one real server, the pack's nodes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from kinds import (  # noqa: F401 - hooks of pytest
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_itemcollected,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from outcome import FAILED
from project_paths import SAMPLE_INPUTS
from real_host import boot_host, comfyui_path

if TYPE_CHECKING:  # imported where they are needed: most tests need neither the server nor the page
    from comfy_server import ComfyServer
    from shared_pages import SharedPages

# The test server's pack: a package the host imports, not a folder of tests.
collect_ignore = ["harness/test_pack"]

# What the shipped workflows and their notes ask for, and the tiny model that is offered under that name.
PUBLISHED_MODELS = {
    "diffusion_models/wan2.1_i2v_720p_14B_fp16.safetensors": "diffusion_models/wan_seeded.safetensors",
    "diffusion_models/wan2.1_fun_inp_1.3B_bf16.safetensors": "diffusion_models/wan_i2v.safetensors",
    "diffusion_models/wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors": "diffusion_models/wan22_i2v.safetensors",
    "diffusion_models/wan2.2_i2v_low_noise_14B_fp8_scaled.safetensors": "diffusion_models/wan22_i2v.safetensors",
    "diffusion_models/echomimicv3_preview.safetensors": "diffusion_models/wan_echomimic.safetensors",
    "diffusion_models/transformer3d-square.pt": "diffusion_models/wan_stable_avatar.pt",
    "model_patches/fantasytalking_model.ckpt": "model_patches/fantasy_talking.ckpt",
    "vae/wan_2.1_vae.safetensors": "vae/wan_vae.safetensors",
    "loras/semfi.ckpt": "loras/semfi.ckpt",
    "loras/lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors": "loras/wan_lora.safetensors",
    "loras/wan2.2_i2v_lightx2v_4steps_lora_v1_high_noise.safetensors": "loras/wan_lora.safetensors",
    "loras/wan2.2_i2v_lightx2v_4steps_lora_v1_low_noise.safetensors": "loras/wan_lora.safetensors",
    "checkpoints/svd_xt.safetensors": "checkpoints/svd_xt.safetensors",
    "checkpoints/svd.safetensors": "checkpoints/svd.safetensors",
    "diffusion_models/svd_reverse_motion_with_attnflip/unet/diffusion_pytorch_model.safetensors": (
        "diffusion_models/svd_reverse/unet/diffusion_pytorch_model.safetensors"
    ),
    "model_patches/svd_reverse_motion_with_attnflip_change.safetensors": "model_patches/svd_reverse.safetensors",
    "frame_interpolation/v00.pth": "frame_interpolation/v00.pth",
    "frame_interpolation/vb.pth": "frame_interpolation/vb.pth",
    "frame_interpolation/rife_v4.26.safetensors": "frame_interpolation/rife.safetensors",
    "optical_flow/raft_large_C_T_SKHT_V1-22a6c225.pth": "optical_flow/raft_large.pth",
}

# How fast a machine is, and what else it does, decides no test.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("any machine")

HOST_DIRECTORY = pytest.StashKey[Path]()
NO_HOST = "no host"


def booted_host(config: pytest.Config) -> Path:
    """Boots the host once per run and returns its base directory; at collection too, to list the nodes."""
    if HOST_DIRECTORY not in config.stash:
        directory = Path(tempfile.mkdtemp(prefix="inbetween-host-"))
        config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        boot_host(directory)
        config.stash[HOST_DIRECTORY] = directory
    return config.stash[HOST_DIRECTORY]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `node_class` runs once for every node of the pack."""
    if "node_class" not in metafunc.fixturenames:
        return
    try:
        booted_host(metafunc.config)
    except LookupError:
        metafunc.parametrize("node_class", [None], ids=[NO_HOST], indirect=True)
        return
    from comfyui_inbetween.nodes import ALL_NODES

    ids = [node_class.__name__ for node_class in ALL_NODES]
    metafunc.parametrize("node_class", ALL_NODES, ids=ids, indirect=True)


@pytest.fixture(scope="session")
def comfyui() -> Path:
    """Folder of the host."""
    try:
        return comfyui_path()
    except LookupError as missing:
        reason = str(missing)
    pytest.fail(reason, pytrace=False)


@pytest.fixture(scope="session")
def host(comfyui, request) -> Path:
    """The host booted in this process on the CPU; its base directory."""
    return booted_host(request.config)


@pytest.fixture(scope="session")
def all_nodes(host) -> list[type]:
    """Every node class of the pack."""
    from comfyui_inbetween.nodes import ALL_NODES

    return ALL_NODES


@pytest.fixture
def node_class(host, request) -> type:
    """One node class of the pack after the other."""
    return request.param


@pytest.fixture(scope="session")
def tiny_models(host, tmp_path_factory) -> Path:
    """A models folder with every tiny model, which the host in this process looks into first."""
    import folder_paths
    from tiny_models import TINY_MODELS, write_tiny_models
    from tiny_svd import register_tiny_svd

    models_directory = write_tiny_models(tmp_path_factory.mktemp("tiny") / "models")
    for folder in sorted({name.split("/")[0] for name in TINY_MODELS}):
        folder_paths.add_model_folder_path(folder, str(models_directory / folder), is_default=True)
    register_tiny_svd()
    return models_directory


@pytest.fixture(scope="session")
def server(comfyui, tiny_models, tmp_path_factory) -> Iterator[ComfyServer]:
    """One real server for the whole run, with the sample images and the models that shipped workflows ask for."""
    from comfy_server import ComfyServer
    from sample_media import write_short_sound, write_small_video

    with ComfyServer(comfyui, tmp_path_factory.mktemp("server")) as running:
        media = tmp_path_factory.mktemp("media")
        for file in (*sorted(SAMPLE_INPUTS.glob("*")), write_small_video(media), write_short_sound(media)):
            running.upload(file)
        for published, ours in PUBLISHED_MODELS.items():
            folder, _, name = published.partition("/")
            running.offer_model(tiny_models / ours, folder, name)
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[SharedPages]:
    """Headless Chromium and the pages in it."""
    from shared_pages import SharedPages

    pages = SharedPages()
    yield pages
    pages.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Closes the browser after the last test with a page: while it is open, `asyncio.run` fails in this process."""
    yield
    pages = getattr(item, "funcargs", {}).get("browser")
    if pages is not None and "browser" not in getattr(nextitem, "fixturenames", ()):
        pages.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Shows what the server printed under a failed test that used it, and lets fixtures know that it failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    running = getattr(item, "funcargs", {}).get("server")
    if report.failed and running is not None:
        report.sections.append(("log of the server", running.log()))
    return report
