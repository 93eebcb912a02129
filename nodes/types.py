"""The pack's own socket types."""

from comfy_api.latest import io

Keyframes = io.Custom("INBETWEEN_KEYFRAMES")
Interpolator = io.Custom("INBETWEEN_INTERPOLATOR")
