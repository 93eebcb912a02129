"""
Tiny random models in the published file layouts, which the host's own loaders read.

They are built from the host's module classes with small sizes. The host's detection fixes some sizes: Wan's head size
128, text width 4096 and image width 1280; SVD's context 1024. Call `boot_host` first.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from golden.audio.weights import seeded_adapter, write_adapter
from golden.gi.weights import BASE_SEED, XT_SEED, seeded_svd, svd_shapes, write_change, write_tuned
from golden.pervfi.weights import write_pervfi
from golden.semfi.weights import WAN_SIZES, seeded_wan, tiny_wan_shapes, write_lora, write_semfi
from raft_weights import write_raft
from random_weights import randomise, write_weights
from rife_film_weights import write_rife
from safetensors.torch import load_file


def write_wan(path: Path, seed: int, **changed: object) -> Path:
    """A Wan 2.1 image-to-video transformer; `changed` overrides arguments of the host's WanModel."""
    import comfy.ops
    from comfy.ldm.wan.model import WanModel

    sizes = {"model_type": "i2v", **WAN_SIZES, **changed}
    model = WanModel(**sizes, device="cpu", dtype=torch.float32, operations=comfy.ops.disable_weight_init)
    return write_weights(randomise(model, seed).state_dict(), path)


def write_seeded_wan(path: Path) -> Path:
    """The tiny Wan of golden/semfi/cases.py."""
    return write_weights(seeded_wan(tiny_wan_shapes()), path)


def write_wan_that_hears(path: Path, layout: str, seed: int) -> Path:
    """A whole model in one file with its audio adapter, as StableAvatar and EchoMimicV3 publish theirs."""
    weights = load_file(write_wan(path.with_suffix(".part"), seed)) | seeded_adapter(layout, seed)
    path.with_suffix(".part").unlink()
    if path.suffix == ".safetensors":
        return write_weights(weights, path)
    torch.save({"state_dict": weights}, path)
    return path


def write_wan_vae(path: Path, seed: int) -> Path:
    """The Wan 2.1 autoencoder, 8 channels wide instead of 96."""
    from comfy.ldm.wan.vae import WanVAE

    model = WanVAE(
        dim=8,
        z_dim=16,
        dim_mult=[1, 2, 4, 4],
        num_res_blocks=2,
        attn_scales=[],
        temperal_downsample=[False, True, True],
        image_channels=3,
        conv_out_channels=3,
        dropout=0.0,
    )
    return write_weights(randomise(model.float(), seed).state_dict(), path)


def write_svd_checkpoint(path: Path, seed: int) -> Path:
    """The tiny SVD of golden/gi/cases.py with a TAESD autoencoder (the real one cannot be shrunk), no CLIP vision."""
    from comfy.taesd.taesd import TAESD

    weights = {f"model.diffusion_model.{name}": t for name, t in seeded_svd(svd_shapes(), seed).items()}
    autoencoder = randomise(TAESD(latent_channels=4).float(), seed + 1).state_dict()
    autoencoder |= {"vae_scale": torch.tensor(0.18215), "vae_shift": torch.tensor(0.0)}
    weights |= {f"first_stage_model.{name}": t for name, t in autoencoder.items()}
    return write_weights(weights, path)


TINY_MODELS: dict[str, Callable[[Path], Path]] = {
    "diffusion_models/wan_i2v.safetensors": lambda path: write_wan(path, seed=0),
    "diffusion_models/wan_flf2v.safetensors": lambda path: write_wan(path, seed=1, flf_pos_embed_token_number=514),
    "diffusion_models/wan22_i2v.safetensors": lambda path: write_wan(path, seed=2, model_type="t2v"),
    "diffusion_models/wan_t2v.safetensors": lambda path: write_wan(path, seed=5, model_type="t2v", in_dim=16),
    "diffusion_models/wan22_ti2v.safetensors": lambda path: write_wan(
        path, seed=6, model_type="t2v", in_dim=48, out_dim=48
    ),
    "diffusion_models/wan_seeded.safetensors": write_seeded_wan,
    "diffusion_models/wan_echomimic.safetensors": lambda path: write_wan_that_hears(path, "echomimic_preview", 13),
    "diffusion_models/wan_stable_avatar.pt": lambda path: write_wan_that_hears(path, "stable_avatar", 14),
    "model_patches/fantasy_talking.ckpt": lambda path: write_adapter(path, "fantasy_talking"),
    "model_patches/stable_avatar.pt": lambda path: write_adapter(path, "stable_avatar"),
    "model_patches/echomimic_preview.safetensors": lambda path: write_adapter(path, "echomimic_preview"),
    "model_patches/echomimic_flash.safetensors": lambda path: write_adapter(path, "echomimic_flash"),
    "model_patches/bbf.safetensors": lambda path: write_adapter(path, "bbf"),
    "loras/semfi.ckpt": write_semfi,
    "loras/wan_lora.safetensors": lambda path: write_lora(path, seed=8),
    "vae/wan_vae.safetensors": lambda path: write_wan_vae(path, seed=3),
    "checkpoints/svd.safetensors": lambda path: write_svd_checkpoint(path, BASE_SEED),
    "checkpoints/svd_xt.safetensors": lambda path: write_svd_checkpoint(path, XT_SEED),
    "diffusion_models/svd_reverse/unet/diffusion_pytorch_model.safetensors": write_tuned,
    "model_patches/svd_reverse.safetensors": write_change,
    "frame_interpolation/v00.pth": lambda path: write_pervfi(path, "v00"),
    "frame_interpolation/vb.pth": lambda path: write_pervfi(path, "vb"),
    "frame_interpolation/flownet.pkl": write_rife,
    "frame_interpolation/rife.safetensors": write_rife,
    "optical_flow/raft_large.pth": write_raft,
    "optical_flow/raft-sintel.pth": lambda path: write_raft(path, original=True),
}


def write_tiny_models(models_directory: Path) -> Path:
    """Writes every tiny model into the host's folder layout below `models_directory`, and returns that directory."""
    for name, write in TINY_MODELS.items():
        write(models_directory / name)
    return models_directory
