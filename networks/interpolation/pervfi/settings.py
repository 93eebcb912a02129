"""The settings of PerVFI."""

from dataclasses import dataclass

PRIMARY_FRAMES = ("first", "nearer", "both")


@dataclass(frozen=True)
class PerVFISettings:
    """How PerVFI renders in-betweens.

    temperature: standard deviation of the noise that a frame is generated from; 0 gives the most likely frame.
    seed: the same seed gives the same frames.
    primary_frame: the frame that an in-between is made from, while the other one only fills its holes: always the
        first, the one nearer in time, or whichever of the two gives the better result.
    """

    temperature: float = 0.3
    seed: int = 0
    primary_frame: str = PRIMARY_FRAMES[0]
