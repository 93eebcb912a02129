"""
Test server only: gives the loaders that read no tiny file a tiny model made in memory.

The graph stays as shipped: same node, same file name, whether the file exists or not. Assigned directly, because the
host ignores packs that register a node under the name of one of its own.
"""

from comfy_api.latest import ComfyExtension, io
from tiny_encoders import tiny_clip_vision, tiny_umt5, tiny_wav2vec2
from tiny_svd import register_tiny_svd

import nodes

register_tiny_svd()
_ImageOnlyCheckpointLoader = nodes.NODE_CLASS_MAPPINGS["ImageOnlyCheckpointLoader"]
_AudioEncoderLoader = nodes.NODE_CLASS_MAPPINGS["AudioEncoderLoader"]


class TinyCLIPLoader(nodes.CLIPLoader):
    @classmethod
    def VALIDATE_INPUTS(cls, clip_name):  # noqa: N802 - the host's name
        return True

    def load_clip(self, clip_name, type="wan", device="default"):
        return (tiny_umt5(),)


class TinyCLIPVisionLoader(nodes.CLIPVisionLoader):
    @classmethod
    def VALIDATE_INPUTS(cls, clip_name):  # noqa: N802 - the host's name
        return True

    def load_clip(self, clip_name):
        return (tiny_clip_vision(),)


class TinyAudioEncoderLoader(_AudioEncoderLoader):
    @classmethod
    def validate_inputs(cls, audio_encoder_name):
        return True

    @classmethod
    def execute(cls, audio_encoder_name):
        return io.NodeOutput(tiny_wav2vec2())


class TinyImageOnlyCheckpointLoader(_ImageOnlyCheckpointLoader):
    """The host's loader; only the CLIP vision that a tiny SVD file cannot hold is added."""

    def load_checkpoint(self, ckpt_name, output_vae=True, output_clip=True):
        model, clip_vision, vae = super().load_checkpoint(ckpt_name, output_vae, output_clip)
        return (model, clip_vision or tiny_clip_vision(), vae)


nodes.NODE_CLASS_MAPPINGS["CLIPLoader"] = TinyCLIPLoader
nodes.NODE_CLASS_MAPPINGS["CLIPVisionLoader"] = TinyCLIPVisionLoader
nodes.NODE_CLASS_MAPPINGS["AudioEncoderLoader"] = TinyAudioEncoderLoader
nodes.NODE_CLASS_MAPPINGS["ImageOnlyCheckpointLoader"] = TinyImageOnlyCheckpointLoader


class TestPack(ComfyExtension):
    async def get_node_list(self):
        return []


async def comfy_entrypoint():
    return TestPack()
