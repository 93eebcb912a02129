"""The pack's nodes. Each is thin: it reads its sockets, calls one function below, and wraps the result."""

from comfy_api.latest import ComfyExtension, io

from .clips.clip_context import InbetweenClipContext
from .clips.finish import InbetweenFinish
from .clips.join import InbetweenJoin
from .clips.segment import InbetweenSegment
from .interpolation.interpolate import InbetweenInterpolate
from .interpolation.interpolator_loader import InbetweenInterpolatorLoader
from .interpolation.optical_flow_loader import InbetweenOpticalFlowLoader
from .interpolation.refine import InbetweenRefine
from .keyframes.keyframes import InbetweenKeyframes
from .sound.adapter import InbetweenAudioAdapter
from .sound.adapter_loader import InbetweenAudioAdapterLoader
from .svd.conditioning import InbetweenSVDConditioning
from .svd.dual_direction_guider import InbetweenDualDirectionGuider
from .svd.renoise_sampler import InbetweenRenoiseSampler
from .svd.reverse_motion_loader import InbetweenReverseMotionLoader
from .svd.segments import InbetweenSVDSegments
from .svd.video_decode import InbetweenVideoDecode
from .timing.frame_count import InbetweenFrameCount
from .video.interpolate_video import InbetweenVideo
from .views.advise import InbetweenAdvise
from .views.audio_view import InbetweenAudioView
from .views.contact_sheet import InbetweenContactSheet
from .views.flow_view import InbetweenFlowView
from .views.motion_plot import InbetweenMotionPlot
from .wan.conditioning import InbetweenWanConditioning
from .wan.lora_mixture import InbetweenLoraMixture
from .wan.lora_mixture_add import InbetweenLoraMixtureAdd
from .wan.lora_mixture_loader import InbetweenLoraMixtureLoader
from .wan.segments import InbetweenSegments

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
    InbetweenVideo,
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
    """Tells the host which nodes the pack has."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return ALL_NODES
