"""The pack's nodes, thin: each reads its sockets, calls one function below, and wraps the result."""

from comfy_api.latest import ComfyExtension, io

from .advise import InbetweenAdvise
from .audio_adapter import InbetweenAudioAdapter
from .audio_adapter_loader import InbetweenAudioAdapterLoader
from .audio_view import InbetweenAudioView
from .clip_context import InbetweenClipContext
from .contact_sheet import InbetweenContactSheet
from .dual_direction_guider import InbetweenDualDirectionGuider
from .finish import InbetweenFinish
from .flow_view import InbetweenFlowView
from .frame_count import InbetweenFrameCount
from .interpolate import InbetweenInterpolate
from .interpolator_loader import InbetweenInterpolatorLoader
from .join import InbetweenJoin
from .keyframes import InbetweenKeyframes
from .lora_mixture import InbetweenLoraMixture
from .lora_mixture_add import InbetweenLoraMixtureAdd
from .lora_mixture_loader import InbetweenLoraMixtureLoader
from .motion_plot import InbetweenMotionPlot
from .optical_flow_loader import InbetweenOpticalFlowLoader
from .refine import InbetweenRefine
from .renoise_sampler import InbetweenRenoiseSampler
from .reverse_motion_loader import InbetweenReverseMotionLoader
from .segment import InbetweenSegment
from .segments import InbetweenSegments
from .svd_conditioning import InbetweenSVDConditioning
from .svd_segments import InbetweenSVDSegments
from .video_decode import InbetweenVideoDecode
from .wan_conditioning import InbetweenWanConditioning

ALL_NODES = [
    InbetweenKeyframes,
    InbetweenFrameCount,
    InbetweenWanConditioning,
    InbetweenLoraMixtureLoader,
    InbetweenLoraMixtureAdd,
    InbetweenLoraMixture,
    InbetweenSegments,
    InbetweenSegment,
    InbetweenAudioAdapterLoader,
    InbetweenAudioAdapter,
    InbetweenClipContext,
    InbetweenReverseMotionLoader,
    InbetweenSVDConditioning,
    InbetweenDualDirectionGuider,
    InbetweenRenoiseSampler,
    InbetweenVideoDecode,
    InbetweenSVDSegments,
    InbetweenOpticalFlowLoader,
    InbetweenInterpolatorLoader,
    InbetweenInterpolate,
    InbetweenRefine,
    InbetweenFinish,
    InbetweenJoin,
    InbetweenContactSheet,
    InbetweenMotionPlot,
    InbetweenFlowView,
    InbetweenAudioView,
    InbetweenAdvise,
]


class InbetweenExtension(ComfyExtension):
    """Tells the host which nodes there are."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return ALL_NODES
