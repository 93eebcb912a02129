"""Decoding a video in chunks of a chosen length, instead of as many frames as fit into memory."""

import comfy.model_management as model_management
import torch
from comfy.sd import VAE
from torch import Tensor

from ...core.errors import InbetweenError
from ...core.limits import check_between
from ...core.pictures.latents import check_latent
from ..runtime import Progress


def decode_in_chunks(vae: VAE | None, latent: dict[str, Tensor], frames_per_chunk: int) -> Tensor:
    """Decode with the host's VAE, but choose the chunks ourselves.

    SVD's decoder looks at neighbouring frames, so the result depends on where the video is cut. The host cuts it
    according to the memory that happens to be free.

    Args:
        vae: an image VAE, or SVD's.
        latent: the host's LATENT; samples of shape (frames, channels, height, width).
        frames_per_chunk: frames to decode at a time; 0 for all.

    Returns:
        Frames of shape (frames, height, width, 3) in [0, 1].

    Raises:
        InbetweenError: the VAE or the latent is of another kind, values are NaN or infinite, or a chunk does not fit
            into memory.
    """
    if vae is None:
        raise InbetweenError("the loaded checkpoint contains no VAE; connect one from Load VAE.")
    samples_NCHW = latent["samples"]
    if vae.latent_dim != 2 or samples_NCHW.ndim != 4 or samples_NCHW.shape[1] != vae.latent_channels:
        raise InbetweenError(
            f"the latent of shape {tuple(samples_NCHW.shape)} cannot be decoded frame by frame with this VAE; for "
            "models other than SVD, use VAE Decode."
        )
    check_latent(samples_NCHW, "the latent")
    check_between(frames_per_chunk, "frames_per_chunk", 0, None)
    vae.throw_exception_if_invalid()
    size = frames_per_chunk or len(samples_NCHW)
    chunks = samples_NCHW.split(size)
    progress, decoded = Progress(len(chunks)), []
    with model_management.cuda_device_context(vae.device):
        try:
            needed = vae.memory_used_decode(chunks[0].shape, vae.vae_dtype) * len(chunks[0])
            model_management.load_models_gpu([vae.patcher], memory_required=needed, force_full_load=vae.disable_offload)
            for chunk_NCHW in chunks:
                made_NCHW = vae.first_stage_model.decode(chunk_NCHW.to(vae.device, vae.vae_dtype))
                made_NCHW = made_NCHW.to(vae.output_device, vae.vae_output_dtype(), copy=True)
                decoded.append(vae.process_output(made_NCHW).movedim(1, -1))
                progress(1)
        except (torch.OutOfMemoryError, MemoryError) as error:
            smaller = f"set frames_per_chunk to {max(1, size // 2)}" if size > 1 else "use smaller keyframes"
            raise InbetweenError(f"there is not enough memory to decode {size} frames at a time; {smaller}.") from error
    return torch.cat(decoded)
