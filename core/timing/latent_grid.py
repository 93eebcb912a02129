"""How a video model's autoencoder packs frames into latent frames, as a value: one more model is one more value."""

import re
from dataclasses import dataclass

from ..errors import InbetweenError

ANY = "any"  # the rule of a model that makes every number of frames
_WRITTEN = re.compile(r"([1-9][0-9]?)n\+([1-9][0-9]?)")


@dataclass(frozen=True)
class LatentGrid:
    """Which frames share a latent frame.

    first: frames in latent frame 0. step: frames in every later one. Wan has 1 and 4, LTX-Video 1 and 8; 1 and 1 is a
    model without such packing, which makes every number of frames.

    Raises:
        InbetweenError: first or step is below 1, or first is above step.
    """

    first: int = 1
    step: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.step:
            raise InbetweenError(f"a latent grid needs 1 <= first <= step, not {self.first} and {self.step}.")

    @classmethod
    def of_rule(cls, rule: str) -> "LatentGrid":
        """The grid of a written rule: "any", or such as "4n+1".

        Raises:
            InbetweenError: the rule is written otherwise.
        """
        if rule == ANY:
            return cls(1, 1)
        written = _WRITTEN.fullmatch(rule)
        if written is None or int(written[2]) > int(written[1]):
            shown = " ".join(rule.split())[:20]
            raise InbetweenError(f'frame_rule is "{shown}"; use "{ANY}", or a rule such as "4n+1".')
        return cls(int(written[2]), int(written[1]))

    @property
    def rule(self) -> str:
        """The grid as it is written: the frame counts a model can make."""
        return ANY if self == LatentGrid(1, 1) else f"{self.step}n+{self.first}"

    def fits(self, frame_count: int) -> bool:
        """Whether whole latent frames hold exactly `frame_count` frames."""
        return frame_count >= self.first and (frame_count - self.first) % self.step == 0

    def neighbours(self, frame_count: int) -> tuple[int, int]:
        """The largest count that fits and is not above, and the smallest not below; both at least `first`."""
        beyond = max(frame_count - self.first, 0)
        return self.frames(beyond // self.step + 1), self.frames(-(-beyond // self.step) + 1)

    def frames(self, latent_frames: int) -> int:
        """How many frames are in so many latent frames, at least 1."""
        return self.first + (latent_frames - 1) * self.step

    def latent_frames(self, frame_count: int) -> int:
        """How many latent frames hold so many frames; the last may not be full."""
        return 1 + max(0, -(-(frame_count - self.first) // self.step))

    def place_of(self, frame: int) -> tuple[int, int]:
        """The latent frame that holds a frame, and which of its frames it is, both from 0."""
        if frame < self.first:
            return 0, frame
        latent_frame, slot = divmod(frame - self.first, self.step)
        return latent_frame + 1, slot

    def frames_of(self, latent_frame: int) -> range:
        """The frames in a latent frame."""
        end = self.frames(latent_frame + 1)
        return range(end - (self.step if latent_frame else self.first), end)
