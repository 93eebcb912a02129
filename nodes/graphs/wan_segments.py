"""The Wan nodes of one segment: the expert for its length, conditioning, and one or two models that sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.clips.segments import Segment, check_step_split
from ...core.keyframes.keyframe_set import KeyframeSet
from ...core.wan.layout import OtherLengths
from ...host.wan.conditioning import WanSettings, check_keyframes
from ..wan.conditioning import InbetweenWanConditioning
from ..wan.lora_mixture import InbetweenLoraMixture
from .expansion import Connected, widgets
from .named_graph import Link, NamedGraph, PlacedNode
from .segments import MakeSegment


@dataclass(frozen=True)
class Sampling:
    """How to sample each segment. high_noise_steps is used only with a second, low-noise model."""

    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    high_noise_steps: int


@dataclass(frozen=True, eq=False)
class WanSegments:
    """Wan, set up for each segment.

    connected: the inputs model, clip and vae, and clip_vision, mixture, model_low and mixture_low if they are
    connected. clip_images, other_lengths, low_noise_strength: as in Wan Keyframe Conditioning.
    """

    connected: Connected
    negative: str
    sampling: Sampling
    clip_images: Mapping[str, Any]
    other_lengths: OtherLengths
    low_noise_strength: float

    def check(self) -> None:
        """Refuse a split of the steps that leaves none for the second model."""
        if self.connected.values["model_low"] is not None:
            check_step_split(self.sampling.high_noise_steps, self.sampling.steps)

    def check_keyframes(self, keyframes: KeyframeSet) -> None:
        """Refuse keyframes that the model cannot be conditioned on."""
        given = self.connected.values
        settings = WanSettings(self.clip_images["clip_images"], other_lengths=self.other_lengths)
        check_keyframes(given["model"], given["vae"], keyframes, given["clip_vision"], settings)

    def begin(self, graph: NamedGraph) -> MakeSegment:
        """Place the negative prompt; see `SegmentEngine`."""
        links = self.connected.links
        negative = graph.add_host("CLIPTextEncode", "negative", clip=links["clip"], text=self.negative)

        def make(number: int, segment: Segment, keyframes: Link) -> Link:
            models = self._models(graph, number, keyframes)
            prompt = graph.add_host("CLIPTextEncode", f"prompt {number}", clip=links["clip"], text=segment.prompt)
            guided = graph.add(
                InbetweenWanConditioning,
                f"conditioning {number}",
                model=models[0],
                positive=prompt.output("CONDITIONING"),
                negative=negative.output("CONDITIONING"),
                vae=links["vae"],
                keyframes=keyframes,
                batch_size=1,
                **widgets({"clip_images": self.clip_images}),
                other_lengths=self.other_lengths,
                low_noise_strength=self.low_noise_strength,
            )
            if self.connected.has("clip_vision"):
                guided.connect(clip_vision=links["clip_vision"])
            latent = self._sampled(graph, number, models, guided, segment.seed)
            decoded = graph.add_host("VAEDecode", f"decode {number}", samples=latent, vae=links["vae"])
            return decoded.output("IMAGE")

        return make

    def _models(self, graph: NamedGraph, number: int, keyframes: Link) -> list[Link]:
        """One or two models, each with the expert for the length of the segment."""
        links = self.connected.links
        models = []
        for name, mixture in (("model", "mixture"), ("model_low", "mixture_low")):
            if not self.connected.has(name):
                continue
            if not self.connected.has(mixture):
                models.append(links[name])
                continue
            applied = graph.add(
                InbetweenLoraMixture,
                f"{name} {number}",
                model=links[name],
                mixture=links[mixture],
                keyframes=keyframes,
                frame_count=5,  # ignored when keyframes are connected
                expert="nearest",
                strength_universal=1.0,
                strength_expert=1.0,
                method="auto",
            )
            models.append(applied.output("model"))
        return models

    def _sampled(self, graph: NamedGraph, number: int, models: list[Link], guided: PlacedNode, seed: int) -> Link:
        """The latent of a segment, from one model, or from the high-noise model and then the low-noise model."""
        sampling, name = self.sampling, f"sample {number}"
        common: dict[str, Any] = {"steps": sampling.steps, "cfg": sampling.cfg}
        common |= {"sampler_name": sampling.sampler_name, "scheduler": sampling.scheduler}
        high = {"positive": guided.output("positive"), "negative": guided.output("negative")}
        high |= {"model": models[0], "latent_image": guided.output("latent")}
        if len(models) == 1:
            return graph.add_host("KSampler", name, **high, **common, seed=seed, denoise=1.0).output("LATENT")
        begun = graph.add_host(
            "KSamplerAdvanced",
            name,
            **high,
            **common,
            noise_seed=seed,
            add_noise="enable",
            return_with_leftover_noise="enable",
            start_at_step=0,
            end_at_step=sampling.high_noise_steps,
        )
        return graph.add_host(
            "KSamplerAdvanced",
            f"{name} low",
            model=models[1],
            positive=guided.output("positive_low"),
            negative=guided.output("negative_low"),
            latent_image=begun.output("LATENT"),
            **common,
            noise_seed=seed,
            add_noise="disable",
            return_with_leftover_noise="disable",
            start_at_step=sampling.high_noise_steps,
            end_at_step=10000,
        ).output("LATENT")
