"""The latent grid: how the autoencoder of a video model packs frames into latent frames.

A grid is a plain value, so supporting another model means adding another value.
"""

import re
from dataclasses import dataclass

from ..errors import InbetweenError

ANY = "any"  # the rule of a model that can generate any number of frames
_WRITTEN = re.compile(r"([1-9][0-9]?)n\+([1-9][0-9]?)")


@dataclass(frozen=True)
class LatentGrid:
    """Which frames share a latent frame.

    first: frames in latent frame 0.
    step: frames in every later latent frame.

    Wan has 1 and 4, LTX-Video has 1 and 8. A model with 1 and 1 does not pack frames, so it can generate any number.

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
        """The grid for a rule: "any", or a rule such as "4n+1".

        Raises:
            InbetweenError: the rule cannot be read.
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
        """The rule of this grid, such as "4n+1": the frame counts that fill whole latent frames."""
        return ANY if self == LatentGrid(1, 1) else f"{self.step}n+{self.first}"

    def fits(self, frame_count: int) -> bool:
        """Whether `frame_count` frames fill whole latent frames."""
        return frame_count >= self.first and (frame_count - self.first) % self.step == 0

    def neighbours(self, frame_count: int) -> tuple[int, int]:
        """The nearest counts that fit, at or below and at or above `frame_count`; both at least `first`."""
        beyond = max(frame_count - self.first, 0)
        return self.frames(beyond // self.step + 1), self.frames(-(-beyond // self.step) + 1)

    def frames(self, latent_frames: int) -> int:
        """The number of frames in `latent_frames` latent frames, of which there is at least 1."""
        return self.first + (latent_frames - 1) * self.step

    def latent_frames(self, frame_count: int) -> int:
        """The number of latent frames that `frame_count` frames need; the last may not be full."""
        return 1 + max(0, -(-(frame_count - self.first) // self.step))

    def place_of(self, frame: int) -> tuple[int, int]:
        """The latent frame that contains a frame, and the frame's place in it, both counted from 0."""
        if frame < self.first:
            return 0, frame
        latent_frame, slot = divmod(frame - self.first, self.step)
        return latent_frame + 1, slot

    def frames_of(self, latent_frame: int) -> range:
        """The frames in a latent frame."""
        end = self.frames(latent_frame + 1)
        return range(end - (self.step if latent_frame else self.first), end)
