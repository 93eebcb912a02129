"""The test server itself: uploads, results, errors, and the graph of a shipped workflow on tiny models."""

import pytest
import torch
from comfy_server import PACK_FOLDER, PromptRefused, RunFailed, files
from PIL import Image


def prompt_node(class_type: str, **inputs: object) -> dict:
    return {"class_type": class_type, "inputs": inputs}


@pytest.fixture
def red_image(server, tmp_path):
    """Name of a red image in the server's input folder."""
    file = tmp_path / "red.png"
    Image.new("RGB", (64, 48), (255, 0, 0)).save(file)
    server.upload(file)
    return file.name


def test_images_and_videos_come_back(server, red_image):
    outputs = server.run(
        {
            "1": prompt_node("LoadImage", image=red_image),
            "2": prompt_node("RepeatImageBatch", image=["1", 0], amount=5),
            "3": prompt_node("SaveImage", images=["2", 0], filename_prefix="test/red"),
            "4": prompt_node("CreateVideo", images=["2", 0], fps=12.0),
            "5": prompt_node("SaveVideo", video=["4", 0], filename_prefix="test/red", format="mp4", codec="h264"),
        }
    )
    pictures = files(outputs, [".png"])
    assert len(pictures) == 5
    assert torch.equal(server.image(pictures[0])[0, 0], torch.tensor([1.0, 0.0, 0.0]))
    (video,) = files(outputs, [".mp4"])
    frames_THWC, fps = server.video(video)
    assert frames_THWC.shape == (5, 48, 64, 3)
    assert fps == 12


def test_a_refused_prompt_tells_why(server):
    with pytest.raises(PromptRefused) as refused:
        server.run(
            {"1": prompt_node("LoadImage", image="missing.png"), "2": prompt_node("PreviewImage", images=["1", 0])}
        )
    assert "missing.png" in " ".join(refused.value.messages)


def test_a_failed_run_tells_the_text_of_the_error(server, red_image):
    with pytest.raises(RunFailed) as failed:
        server.run(
            {
                "1": prompt_node("LoadImage", image=red_image),
                "2": prompt_node(
                    "InbetweenKeyframes",
                    **{"images.image0": ["1", 0], "images.image1": ["1", 0]},
                    frame_count=5,
                    fit="crop",
                    frame_rule="any",
                    width=0,
                    height=0,
                    multiple_of=1,
                    positions="",
                ),
                "3": prompt_node("InbetweenFinish", images=["1", 0], keyframes=["2", 0], put_back="replace"),
                "4": prompt_node("PreviewImage", images=["3", 0]),
            }
        )
    assert failed.value.node_type == "InbetweenFinish"
    assert "5" in failed.value.message


def test_the_pack_loads_under_any_folder_name(server):
    ours = {name: info for name, info in server.object_info.items() if name.startswith("Inbetween")}
    assert ours
    assert {info["python_module"] for info in ours.values()} == {f"custom_nodes.{PACK_FOLDER}"}
    failed = [line for line in server.log(last=10**6).splitlines() if "IMPORT FAILED" in line]
    assert not [line for line in failed if PACK_FOLDER in line]


def test_wan_between_two_images_on_tiny_models(server, tiny_models, red_image):
    """Loaders with the names of published files, as shipped workflows have them, none of which is there."""
    server.offer_model(
        tiny_models / "diffusion_models" / "wan_flf2v.safetensors", "diffusion_models", "wan_14B.safetensors"
    )
    server.offer_model(tiny_models / "vae" / "wan_vae.safetensors", "vae", "wan_2.1_vae.safetensors")
    outputs = server.run(
        {
            "1": prompt_node("UNETLoader", unet_name="wan_14B.safetensors", weight_dtype="default"),
            "2": prompt_node("VAELoader", vae_name="wan_2.1_vae.safetensors"),
            "3": prompt_node("CLIPLoader", clip_name="umt5_xxl.safetensors", type="wan", device="default"),
            "4": prompt_node("CLIPVisionLoader", clip_name="clip_vision_h.safetensors"),
            "5": prompt_node("LoadImage", image=red_image),
            "6": prompt_node("CLIPTextEncode", clip=["3", 0], text="slow camera pan"),
            "7": prompt_node("CLIPVisionEncode", clip_vision=["4", 0], image=["5", 0], crop="none"),
            "8": prompt_node(
                "WanFirstLastFrameToVideo",
                positive=["6", 0],
                negative=["6", 0],
                vae=["2", 0],
                width=64,
                height=64,
                length=9,
                batch_size=1,
                start_image=["5", 0],
                end_image=["5", 0],
                clip_vision_start_image=["7", 0],
                clip_vision_end_image=["7", 0],
            ),
            "9": prompt_node(
                "KSampler",
                model=["1", 0],
                positive=["8", 0],
                negative=["8", 1],
                latent_image=["8", 2],
                seed=7,
                steps=1,
                cfg=4.0,
                sampler_name="euler",
                scheduler="simple",
                denoise=1.0,
            ),
            "10": prompt_node("VAEDecode", samples=["9", 0], vae=["2", 0]),
            "11": prompt_node("PreviewImage", images=["10", 0]),
        }
    )
    assert len(files(outputs, [".png"])) == 9


def test_svd_on_a_tiny_checkpoint(server, tiny_models, red_image):
    server.offer_model(tiny_models / "checkpoints" / "svd.safetensors", "checkpoints", "svd_xt.safetensors")
    outputs = server.run(
        {
            "1": prompt_node("ImageOnlyCheckpointLoader", ckpt_name="svd_xt.safetensors"),
            "2": prompt_node("LoadImage", image=red_image),
            "3": prompt_node(
                "SVD_img2vid_Conditioning",
                clip_vision=["1", 1],
                init_image=["2", 0],
                vae=["1", 2],
                width=64,
                height=64,
                video_frames=6,
                motion_bucket_id=127,
                fps=7,
                augmentation_level=0.0,
            ),
            "4": prompt_node(
                "KSampler",
                model=["1", 0],
                positive=["3", 0],
                negative=["3", 1],
                latent_image=["3", 2],
                seed=7,
                steps=1,
                cfg=2.5,
                sampler_name="euler",
                scheduler="karras",
                denoise=1.0,
            ),
            "5": prompt_node("VAEDecode", samples=["4", 0], vae=["1", 2]),
            "6": prompt_node("PreviewImage", images=["5", 0]),
        }
    )
    assert len(files(outputs, [".png"])) == 6


def test_audio_encoder_without_its_file(server, red_image):
    outputs = server.run(
        {
            "1": prompt_node("AudioEncoderLoader", audio_encoder_name="wav2vec2.safetensors"),
            "2": prompt_node("EmptyAudio", duration=1.0, sample_rate=16000, channels=1),
            "3": prompt_node("AudioEncoderEncode", audio_encoder=["1", 0], audio=["2", 0]),
            "4": prompt_node("PreviewAny", source=["3", 0]),
        }
    )
    assert "encoded_audio" in str(outputs)
