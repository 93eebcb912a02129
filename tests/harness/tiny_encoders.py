"""
Tiny text, image and audio encoders as the host's own objects.

The host's file loaders know only the published sizes, so these encoders are built in memory; everything after the
loader is the host's code. Call `boot_host` first.
"""

import io
import random

import torch
from random_weights import randomise

CLIP_VISION_SIZES = {
    "model_type": "clip_vision_model",
    "hidden_act": "gelu",
    "hidden_size": 1280,
    "image_size": 224,
    "intermediate_size": 64,
    "num_attention_heads": 16,
    "num_channels": 3,
    "num_hidden_layers": 2,
    "patch_size": 14,
    "projection_dim": 1024,
}

UMT5_SIZES = {"d_ff": 32, "d_kv": 8, "num_heads": 2, "num_layers": 2, "vocab_size": 512, "d_model": 4096}


def tiny_clip_vision():
    """CLIP vision with CLIP-H's interface: 257 tokens of 1280 (for Wan), embedding of 1024 (for SVD)."""
    from comfy.clip_vision import ClipVisionModel

    clip_vision = ClipVisionModel(dict(CLIP_VISION_SIZES))
    randomise(clip_vision.model, seed=10)
    return clip_vision


def tiny_umt5():
    """umt5 as a CLIP of type wan: 512 tokens of 4096."""
    import comfy.ops
    import comfy.sd
    from comfy.text_encoders.t5 import T5

    config = {**UMT5_SIZES, "dense_act_fn": "gelu_pytorch_tanh", "is_gated_act": True, "model_type": "umt5"}
    weights = randomise(T5(config, torch.float32, "cpu", comfy.ops.disable_weight_init), seed=11).state_dict()
    # The host tells umt5-xxl by this key of its last layer, which the tiny one does not have.
    weights["encoder.block.23.layer.1.DenseReluDense.wi_1.weight"] = torch.zeros(10240, 1)
    weights["spiece_model"] = _sentencepiece_model()
    return comfy.sd.load_text_encoder_state_dicts(
        [weights], clip_type=comfy.sd.CLIPType.WAN, model_options={"umt5xxl_model_config": UMT5_SIZES}
    )


def tiny_wav2vec2():
    """wav2vec2-base's interface and 12 layers, 64 channels wide instead of 768."""
    from comfy.audio_encoders.audio_encoders import AudioEncoderModel

    audio_encoder = AudioEncoderModel(
        {
            "model_type": "wav2vec2",
            "embed_dim": 64,
            "num_heads": 2,
            "num_layers": 12,
            "conv_norm": False,
            "conv_bias": False,
            "do_normalize": False,
            "do_stable_layer_norm": False,
        }
    )
    randomise(audio_encoder.model, seed=12)
    return audio_encoder


def _sentencepiece_model() -> torch.Tensor:
    """A tokenizer trained on the spot, as the bytes that umt5 files carry."""
    import sentencepiece

    words = [
        "a",
        "the",
        "cat",
        "dog",
        "runs",
        "jumps",
        "over",
        "river",
        "slow",
        "camera",
        "pan",
        "smooth",
        "motion",
        "between",
        "first",
        "last",
        "frame",
        "red",
        "green",
    ]
    choose = random.Random(0)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join(choose.choices(words, k=9)) for _ in range(400)),
        model_writer=model,
        vocab_size=160,
        model_type="unigram",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    return torch.frombuffer(bytearray(model.getvalue()), dtype=torch.uint8)
