"""What every image has."""

import torch
from comfyui_inbetween.core.pictures.images import luma


def test_luma_weighs_the_channels_as_video_does():
    primaries_HWC = torch.eye(3)[None]
    torch.testing.assert_close(luma(primaries_HWC), torch.tensor([[0.299, 0.587, 0.114]]))
    batch_THWC = torch.full((2, 4, 5, 3), 0.5, dtype=torch.float16)
    assert luma(batch_THWC).dtype == torch.float32
    torch.testing.assert_close(luma(batch_THWC), torch.full((2, 4, 5), 0.5))
