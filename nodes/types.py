"""Socket types that the host has no class for: the pack's own, and those of the host's nodes."""

from comfy_api.latest import io

Keyframes = io.Custom("INBETWEEN_KEYFRAMES")
Interpolator = io.Custom("INBETWEEN_INTERPOLATOR")
LoraMixture = io.Custom("INBETWEEN_LORA_MIXTURE")
ReverseMotion = io.Custom("INBETWEEN_REVERSE_MOTION")
ModelPatch = io.Custom("MODEL_PATCH")  # of the host
OpticalFlow = io.Custom("OPTICAL_FLOW")  # of the host
InterpModel = io.Custom("INTERP_MODEL")  # of the host
