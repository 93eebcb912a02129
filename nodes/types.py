"""Socket types without a class in the host: the pack's own, and some that the host's nodes use."""

from comfy_api.latest import io

Keyframes = io.Custom("INBETWEEN_KEYFRAMES")
Interpolator = io.Custom("INBETWEEN_INTERPOLATOR")
LoraMixture = io.Custom("INBETWEEN_LORA_MIXTURE")
ReverseMotion = io.Custom("INBETWEEN_REVERSE_MOTION")
ModelPatch = io.Custom("MODEL_PATCH")  # the host's
OpticalFlow = io.Custom("OPTICAL_FLOW")  # the host's
InterpModel = io.Custom("INTERP_MODEL")  # the host's
