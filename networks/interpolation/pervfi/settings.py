"""What PerVFI can be asked for, beside the time of a frame."""

from dataclasses import dataclass

PRIMARY_FRAMES = ("first", "nearer", "both")


@dataclass(frozen=True)
class PerVFISettings:
    """How PerVFI makes frames.

    temperature: standard deviation of the noise a frame is made of; 0 makes the most likely frame.
    seed: the same seed makes the same frames.
    primary_frame: the frame that the picture is made of, while the other one only fills its holes: always the first,
        the one nearer in time, or whichever of the two makes the better frame.
    """

    temperature: float = 0.3
    seed: int = 0
    primary_frame: str = PRIMARY_FRAMES[0]
