"""
What the pack uses of the host's inside: every member that the public API, `comfy_api.latest`, does not promise.

`SURFACE` is the list. The table in ARCHITECTURE is made of it, and tests/host/test_surface.py looks for each member in
the real host. A member is written in one of these ways:

- `name`, `inner.name`: there is an attribute of this name.
- `name(a, b/B, c=)`: it is called with a and b by position, as its first parameters, and with c by name; b is called B
  in some versions.
- `"key"`: a key of a dictionary, which the host's source spells out.
- `self.name`: an attribute that the host sets while it runs.
- `.name`: an attribute that the host reads of an object of ours.
- `name: layout`: values that are known by their order; a function of the test says what the order is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """Members of one module or class of the host, the files that use them, and what for."""

    of: str
    members: tuple[str, ...]
    files: tuple[str, ...]
    purpose: str


def name_of(member: str) -> str:
    """The bare name of a member, as the source of a file that uses it has it."""
    return re.split(r"[(:]", member)[0].strip('"').split(".")[-1]


SURFACE: tuple[Use, ...] = (
    # ------------------------------------------------------------------ devices, memory, progress, files
    Use(
        "comfy.model_management",
        ("get_torch_device", "unet_offload_device", "intermediate_device", "intermediate_dtype"),
        (
            "host/runtime.py",
            "host/audio_library.py",
            "host/pervfi.py",
            "host/interp_model.py",
            "host/interpolation.py",
            "host/clip_images.py",
            "host/wan_conditioning.py",
            "host/svd_conditioning.py",
        ),
        "where and in which type things are kept and computed",
    ),
    Use(
        "comfy.model_management",
        ("get_total_memory(dev)", "get_free_memory(dev)", "dtype_size(dtype)"),
        ("host/runtime.py", "host/pervfi.py", "host/interpolation.py"),
        "how much fits",
    ),
    Use(
        "comfy.model_management",
        ("free_memory(memory_required, device)", "is_device_cpu(device)"),
        ("host/interpolation.py",),
        "how many frames are rendered at once",
    ),
    Use(
        "comfy.model_management",
        ("load_models_gpu(models, memory_required=, force_full_load=)",),
        ("host/pervfi.py", "host/video_decode.py"),
        "bringing weights to the device, whole",
    ),
    Use(
        "comfy.model_management",
        ("load_model_gpu(model)",),
        ("host/audio_features.py", "host/clip_images.py", "host/svd_conditioning.py"),
        "bringing encoders to the device",
    ),
    Use("comfy.model_management", ("should_use_fp16(device)",), ("host/pervfi.py",), "the type PerVFI computes in"),
    Use(
        "comfy.model_management",
        ("throw_exception_if_processing_interrupted()",),
        ("host/runtime.py", "host/dual_direction.py"),
        "stopping when the user does",
    ),
    Use(
        "comfy.model_management", ("cuda_device_context(device)",), ("host/video_decode.py",), "decoding on its device"
    ),
    Use("comfy.utils", ("ProgressBar(total)", "ProgressBar.update"), ("host/runtime.py",), "the node's progress bar"),
    Use(
        "comfy.utils",
        ("get_attr(obj, attr)",),
        ("host/lora_bypass.py", "host/lora_mixture.py", "host/svd.py", "host/temporal_attention.py"),
        "layers and weights by name",
    ),
    Use("comfy_execution.utils", ("get_executing_context()",), ("host/runtime.py",), "which node runs"),
    Use("comfy_execution.utils.ExecutionContext", ("node_id",), ("host/runtime.py",), "the same"),
    Use(
        "server.PromptServer",
        ("send_progress_text(text, node_id, sid)", "self.client_id", "self.instance"),
        ("host/runtime.py",),
        "text on the node that runs",
    ),
    Use(
        "folder_paths",
        ("get_filename_list(folder_name)", "get_full_path(folder_name, filename)", "get_full_path_or_raise"),
        ("host/model_files.py", "host/pervfi.py"),
        "files of models",
    ),
    # ------------------------------------------------------------------ models
    Use(
        "comfy.model_patcher",
        ("CoreModelPatcher(model, load_device=, offload_device=)",),
        ("host/audio_library.py", "host/lora_bypass.py", "host/temporal_attention.py"),
        "our weights as a model that the host moves and counts",
    ),
    Use(
        "comfy.model_patcher",
        ("ModelPatcher(model, load_device, offload_device)",),
        ("host/pervfi.py", "host/interp_model.py"),
        "engines as models of the host",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("model", "load_device", "offload_device"),
        ("host/lora_bypass.py", "host/temporal_attention.py"),
        "the network, and where the host keeps it",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("clone()", "set_attachments(key, attachment)", "get_attachment(key)"),
        ("host/audio_adapter.py", "host/lora_mixture.py"),
        "a copy that knows what was put on it",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("add_patches(patches, strength_patch)",),
        ("host/lora_mixture.py",),
        "merging LoRAs",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("set_additional_models(key, models)", "set_injections(key, injections)"),
        ("host/lora_bypass.py", "host/audio_branch.py"),
        "weights beside the model, and hooks while it is loaded",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("add_wrapper_with_key(wrapper_type, key, wrapper)",),
        ("host/audio_branch.py", "host/dual_direction.py"),
        "seeing each run and each call of the network",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("add_object_patch(name, obj)",),
        ("host/audio_branch.py", "host/temporal_attention.py"),
        "another forward for one layer",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("object_patches", "model_options"),
        ("host/temporal_attention.py",),
        "whether another node stands in the way",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("additional_models", "get_free_memory(device)"),
        ("host/dual_direction.py",),
        "copies for several GPUs, and room for two directions",
    ),
    Use(
        "comfy.model_patcher.ModelPatcher",
        ("get_model_object(name)",),
        ("host/audio_adapter.py", "host/wan_conditioning.py"),
        "the model's latent format",
    ),
    Use(
        "comfy.model_patcher",
        ('"transformer_options"', '"patches_replace"'),
        ("host/temporal_attention.py",),
        "options of a call, and attentions of other nodes",
    ),
    Use(
        "comfy.patcher_extension",
        ("PatcherInjection(inject=, eject=)",),
        ("host/audio_branch.py", "host/lora_bypass.py"),
        "hooks put on when the host loads the model",
    ),
    Use(
        "comfy.patcher_extension",
        ("WrappersMP.OUTER_SAMPLE", "WrappersMP.DIFFUSION_MODEL"),
        ("host/audio_branch.py",),
        "a run, and a call of the network",
    ),
    Use(
        "comfy.patcher_extension",
        ("WrappersMP.PREPARE_SAMPLING",),
        ("host/dual_direction.py",),
        "room for twice the frames",
    ),
    Use(
        "comfy.patcher_extension.WrapperExecutor",
        ("self.class_obj",),
        ("host/audio_branch.py",),
        "the network behind a wrapper",
    ),
    Use(
        "comfy.ops",
        ("manual_cast.Linear",),
        ("host/frozen_layers.py",),
        "layers that the host casts to the type of their input",
    ),
    Use("comfy.ops", ("manual_cast",), ("host/audio_library.py",), "the same for audio adapters"),
    Use("comfy.ops", ("disable_weight_init",), ("host/pervfi.py",), "layers that start without values"),
    Use("comfy.quant_ops", ("QuantizedTensor",), ("host/lora_mixture.py",), "which weights are not merged into"),
    Use(
        "comfy_extras.nodes_frame_interpolation",
        (".pad_align", ".memory_used_forward", ".extract_features", ".forward_multi_timestep"),
        ("host/interp_model.py",),
        "our engines under the host's node for interpolation",
    ),
    Use("comfy.model_patcher", (".get_dtype",), ("host/interp_model.py",), "the type it gives them frames in"),
    # ------------------------------------------------------------------ LoRA
    Use(
        "comfy.lora",
        ("load_lora(lora, to_load, log_missing=)", "model_lora_keys_unet(model, key_map)"),
        ("host/lora_mixture.py",),
        "files of every trainer",
    ),
    Use(
        "comfy.weight_adapter.LoRAAdapter",
        ("weights: up, down, alpha, mid, dora_scale, reshape",),
        ("host/lora_mixture.py",),
        "a LoRA to and from the host's form",
    ),
    Use(
        "comfy.weight_adapter",
        ("LoRAAdapter(loaded_keys, weights)",),
        ("host/lora_mixture.py",),
        "a patch of the host's",
    ),
    Use("comfy.lora", ('"diff"',), ("host/lora_mixture.py",), "a bias as a patch"),
    # ------------------------------------------------------------------ encoders
    Use(
        "comfy.sd.VAE",
        ("encode(pixel_samples)", "latent_channels"),
        ("host/wan_conditioning.py", "host/svd_conditioning.py"),
        "encoding keyframes",
    ),
    Use("comfy.sd.VAE", ("spacial_compression_encode()",), ("host/wan_conditioning.py",), "the size of latents"),
    Use(
        "comfy.sd.VAE",
        ("latent_dim",),
        ("host/svd_conditioning.py", "host/video_decode.py"),
        "a VAE of pictures or of video",
    ),
    Use(
        "comfy.sd.VAE",
        (
            "throw_exception_if_invalid()",
            "device",
            "output_device",
            "vae_dtype",
            "vae_output_dtype()",
            "memory_used_decode",
            "disable_offload",
            "patcher",
            "first_stage_model.decode",
            "process_output",
        ),
        ("host/video_decode.py",),
        "decoding as many frames at a time as chosen",
    ),
    Use(
        "comfy.clip_vision.ClipVisionModel",
        ("image_size", "config", "model_type", "patcher", "load_device", "model"),
        ("host/clip_images.py", "host/svd_conditioning.py"),
        "showing pictures to CLIP as the models were trained",
    ),
    Use(
        "comfy.clip_vision.ClipVisionModel",
        ("image_mean", "image_std"),
        ("host/clip_images.py",),
        "normalising pictures for CLIP",
    ),
    Use(
        "comfy.clip_vision.ClipVisionModel",
        ("pixel_values: last, intermediate, image_embeds",),
        ("host/clip_images.py", "host/svd_conditioning.py"),
        "its tokens and embedding",
    ),
    Use("comfy.clip_vision.ClipVisionModel", ("encode_image(image)",), ("host/svd_conditioning.py",), "the host's way"),
    Use(
        "comfy.clip_vision",
        ("Output", '"penultimate_hidden_states"'),
        ("host/clip_images.py",),
        "tokens as CLIP_VISION_OUTPUT",
    ),
    Use(
        "comfy.audio_encoders.audio_encoders.AudioEncoderModel",
        ("model", "patcher", "load_device"),
        ("host/audio_features.py",),
        "an audio encoder and where it is",
    ),
    Use(
        "comfy.audio_encoders.wav2vec2.Wav2Vec2Model",
        (
            "do_normalize",
            "feature_extractor",
            "feature_projection",
            "encoder.layer_norm",
            "encoder: last, layers",
        ),
        ("host/audio_features.py",),
        "features for each frame, from the middle of the encoder",
    ),
    # ------------------------------------------------------------------ Wan
    Use(
        "comfy.ldm.wan.model.WanModel",
        ("patch_embedding.weight", "img_emb.emb_pos", "dim"),
        ("host/wan.py",),
        "which kind of Wan it is",
    ),
    Use("comfy.model_base", ("WAN22",), ("host/wan.py",), "which kind of Wan it is"),
    Use("comfy.model_base.BaseModel", ("diffusion_model",), ("host/wan.py", "host/audio_branch.py"), "the network"),
    Use(
        "comfy.model_base.BaseModel",
        ("get_dtype_inference()",),
        ("host/svd.py",),
        "the type that a model computes in",
    ),
    Use(
        "comfy.model_base.BaseModel",
        ("memory_required(input_shape)", "current_patcher"),
        ("host/dual_direction.py",),
        "whether two directions fit",
    ),
    Use(
        "comfy.latent_formats.LatentFormat",
        ("process_in",),
        ("host/audio_adapter.py",),
        "latents as the model sees them",
    ),
    Use("comfy.latent_formats.LatentFormat", ("process_out",), ("host/wan_conditioning.py",), "the empty latent"),
    Use(
        "comfy.ldm.wan.model.WanModel",
        (
            "forward(x, timestep, context, clip_fea, time_dim_concat, transformer_options)",
            "blocks",
            "patch_size",
            "num_heads",
            "freq_dim",
            "time_embedding",
            "ref_conv",
        ),
        ("host/audio_branch.py",),
        "what a call of the network is about, and the time as its blocks see it",
    ),
    Use(
        "comfy.ldm.wan.model",
        ("sinusoidal_embedding_1d(dim, position)",),
        ("host/audio_branch.py",),
        "the time for tokens that look at the model",
    ),
    Use(
        "comfy.ldm.wan.model.WanAttentionBlock",
        ("forward(x, e=, transformer_options=)", "cross_attn"),
        ("host/audio_branch.py",),
        "hooks on each block",
    ),
    Use("comfy.ldm.wan.model.WanAttentionBlock", ("norm3",), ("host/sequential_attention.py",), "the norm before it"),
    Use(
        "comfy.ldm.wan.model.WanI2VCrossAttention",
        ("norm_q", "o"),
        ("host/audio_branch.py",),
        "the query, and what goes into the output projection",
    ),
    Use(
        "comfy.ldm.wan.model.WanI2VCrossAttention",
        (
            "forward(x, context, context_img_len, transformer_options=)",
            "q",
            "k",
            "v",
            "norm_k",
            "k_img",
            "v_img",
            "norm_k_img",
            "num_heads",
        ),
        ("host/sequential_attention.py",),
        "text first, image and sound after it",
    ),
    Use(
        "comfy.ldm.modules.attention",
        ("optimized_attention(q/query, k/key, v/value, heads=, transformer_options=)",),
        ("host/sequential_attention.py",),
        "the attention that the user chose",
    ),
    # ------------------------------------------------------------------ SVD
    Use("comfy.model_base", ("SVD_img2vid",), ("host/svd.py",), "whether it is an SVD"),
    Use("comfy.ldm.modules.attention.CrossAttention", ("heads", "dim_head"), ("host/svd.py",), "the size of a layer"),
    Use(
        "comfy.ldm.modules.attention.CrossAttention",
        (
            "forward(x, context, value, mask, transformer_options=)",
            "to_q",
            "to_k",
            "to_v",
            "to_out",
            "heads",
        ),
        ("host/temporal_attention.py",),
        "attention turned for the backward clip",
    ),
    # ------------------------------------------------------------------ conditioning and sampling
    Use(
        "node_helpers",
        ("conditioning_set_values(conditioning, values)",),
        ("host/wan_conditioning.py",),
        "values of conditioning",
    ),
    Use(
        "comfy.model_base",
        ('"concat_latent_image"', '"concat_mask"', '"clip_vision_output"'),
        ("host/wan_conditioning.py",),
        "what Wan is given of keyframes",
    ),
    Use(
        "comfy.model_base",
        ('"concat_latent_image"', '"motion_bucket_id"', '"fps"', '"augmentation_level"'),
        ("host/svd_conditioning.py",),
        "what SVD is given of keyframes",
    ),
    Use("comfy.conds", ("CONDRegular(cond)",), ("host/audio_adapter.py",), "marks that the host batches and cuts"),
    Use("comfy.samplers", ('"model_conds"',), ("host/audio_adapter.py",), "where those marks are kept"),
    Use(
        "comfy.conds",
        ("CONDConstant", "CONDRegular.process_cond(batch_size=, area=)"),
        ("host/dual_direction.py",),
        "two conditions as one for twice the frames",
    ),
    Use(
        "comfy.samplers",
        ("KSampler.SAMPLERS", "KSampler.SCHEDULERS"),
        ("host/host_nodes.py",),
        "choices of samplers",
    ),
    Use(
        "comfy.samplers.CFGGuider",
        (
            "set_cfg(cfg)",
            "inner_set_conds(conds)",
            "sample(noise, latent_image)",
            "inner_sample(noise)",
            "predict_noise(x, timestep, model_options, seed)",
            "original_conds",
            "model_patcher",
            "self.conds",
            "self.inner_model",
        ),
        ("host/dual_direction.py",),
        "a guider of both directions",
    ),
    Use(
        "comfy.samplers",
        (
            "calc_cond_batch(model, conds, x_in, timestep, model_options)",
            "cfg_function(model, cond_pred, uncond_pred, cond_scale, x, timestep, model_options=, cond=, uncond=)",
            '"model_conds"',
            '"sampler_pre_cfg_function"',
            '"conds_out"',
            '"disable_cfg1_optimization"',
            '"sampler_cfg_function"',
            '"context_handler"',
            '"sampler_calc_cond_batch_function"',
        ),
        ("host/dual_direction.py",),
        "guidance of each direction, with what other nodes have put into the model",
    ),
    Use(
        "comfy.samplers",
        (
            '"area"',
            '"mask"',
            '"control"',
            '"gligen"',
            '"hooks"',
            '"start_percent"',
            '"end_percent"',
            '"default"',
        ),
        ("host/dual_direction.py",),
        "parts of conditioning that cannot be paired",
    ),
    Use("comfy.model_patcher", ('"multigpu"',), ("host/dual_direction.py",), "copies for several GPUs"),
    Use(
        "comfy.sampler_helpers",
        ("PREPARE_SAMPLING: model, noise_shape",),
        ("host/dual_direction.py",),
        "what a wrapper of it gets",
    ),
    Use(
        "comfy.samplers",
        (
            "KSAMPLER(sampler_function)",
            "KSAMPLER.sample(model_wrap, sigmas, extra_args, callback, noise, latent_image, denoise_mask, "
            "disable_pbar)",
            '"i"',
            '"x"',
            '"denoised"',
        ),
        ("host/renoise_sampler.py",),
        "a sampler that counts evaluations",
    ),
    Use("comfy.k_diffusion.sampling", ("trange",), ("host/renoise_sampler.py",), "the host's progress in the console"),
    # ------------------------------------------------------------------ graphs
    Use("nodes", ("NODE_CLASS_MAPPINGS",), ("host/host_nodes.py",), "the host's nodes by id"),
    Use(
        "nodes",
        ("CLIPTextEncode", "KSampler", "KSamplerAdvanced", "VAEDecode"),
        ("nodes/graphs/wan_segments.py",),
        "nodes in the graph of Segments",
    ),
    Use(
        "comfy_extras.nodes_custom_sampler",
        ("BasicScheduler", "RandomNoise", "SamplerCustomAdvanced"),
        ("nodes/graphs/svd_segments.py",),
        "nodes in the graph of Segments (SVD)",
    ),
    Use(
        "comfy_execution.graph_utils.GraphBuilder",
        ("node(class_type, id)", "finalize()"),
        ("nodes/graphs/named_graph.py",),
        "graphs in the place of a node",
    ),
    Use(
        "comfy_execution.graph_utils.Node",
        ("out(index)", "set_input(key, value)", "self.class_type"),
        ("nodes/graphs/named_graph.py",),
        "links between nodes",
    ),
)


def table() -> Iterator[str]:
    """The lines of the table in ARCHITECTURE."""
    yield "| of the host | members | used in | for |"
    yield "|---|---|---|---|"
    for use in SURFACE:
        members = ", ".join(f"`{member}`" for member in use.members)
        yield f"| `{use.of}` | {members} | {', '.join(f'`{file}`' for file in use.files)} | {use.purpose} |"
