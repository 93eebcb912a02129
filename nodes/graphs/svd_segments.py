"""The SVD nodes of one segment: both ends, both directions, and the sampler with repeated steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.clips.segments import Segment
from ...core.keyframes.keyframe_set import KeyframeSet
from ...host.svd.conditioning import check_encoders, check_ends
from ...host.svd.dual_direction import check_directions
from ..svd.conditioning import InbetweenSVDConditioning
from ..svd.dual_direction_guider import InbetweenDualDirectionGuider
from ..svd.inputs import direction_settings
from ..svd.renoise_sampler import InbetweenRenoiseSampler
from ..svd.video_decode import InbetweenVideoDecode
from .expansion import Connected, widgets
from .named_graph import Link, NamedGraph
from .segments import MakeSegment


@dataclass(frozen=True, eq=False)
class SVDSegments:
    """SVD, set up for each segment: from one keyframe to the next.

    connected: the inputs model, clip_vision and vae, and reverse_motion if it is connected. renoising: widgets of
    Re-noising Sampler. pictures: widgets of SVD Keyframe Conditioning. directions: widgets of Dual-Direction Guider.
    """

    connected: Connected
    steps: int
    renoising: Mapping[str, Any]
    pictures: Mapping[str, Any]
    directions: Mapping[str, Any]
    frames_per_chunk: int

    def check(self) -> None:
        """Refuse models that do not fit the method."""
        given = self.connected.values
        check_directions(given["model"], given["reverse_motion"], direction_settings(**self.directions))
        check_encoders(given["clip_vision"], given["vae"])

    def check_keyframes(self, keyframes: KeyframeSet) -> None:
        """Refuse keyframes that SVD cannot be conditioned on."""
        check_ends(keyframes)

    def begin(self, graph: NamedGraph) -> MakeSegment:
        """Place the sampler and its schedule; see `SegmentEngine`."""
        links = self.connected.links
        sampler = graph.add(InbetweenRenoiseSampler, "sampler", **self.renoising)
        schedule = {"scheduler": "karras", "steps": self.steps, "denoise": 1.0}
        sigmas = graph.add_host("BasicScheduler", "sigmas", model=links["model"], **schedule)

        def make(number: int, segment: Segment, keyframes: Link) -> Link:
            ends = graph.add(
                InbetweenSVDConditioning,
                f"conditioning {number}",
                clip_vision=links["clip_vision"],
                vae=links["vae"],
                keyframes=keyframes,
                **widgets(self.pictures),
            )
            guider = graph.add(
                InbetweenDualDirectionGuider,
                f"guider {number}",
                model=links["model"],
                start=ends.output("start"),
                end=ends.output("end"),
                **widgets(self.directions),
            )
            if self.connected.has("reverse_motion"):
                guider.connect(reverse_motion=links["reverse_motion"])
            noise = graph.add_host("RandomNoise", f"noise {number}", noise_seed=segment.seed)
            sampled = graph.add_host(
                "SamplerCustomAdvanced",
                f"sample {number}",
                noise=noise.output("NOISE"),
                guider=guider.output("guider"),
                sampler=sampler.output("sampler"),
                sigmas=sigmas.output("SIGMAS"),
                latent_image=ends.output("latent"),
            )
            decoded = graph.add(
                InbetweenVideoDecode,
                f"decode {number}",
                samples=sampled.output("output"),
                vae=links["vae"],
                frames_per_chunk=self.frames_per_chunk,
            )
            return decoded.output("frames")

        return make
