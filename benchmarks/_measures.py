"""Similarity of two pictures: PSNR and SSIM, as usually measured on 8-bit frames."""

import cv2
import numpy as np

PEAK = 255.0


def psnr(picture_HWC: np.ndarray, truth_HWC: np.ndarray) -> float:
    """Peak signal-to-noise ratio over all channels of two uint8 pictures, in dB; 100 if they are equal."""
    error = np.mean((picture_HWC.astype(np.float32) - truth_HWC) ** 2)
    return 100.0 if error == 0 else float(10 * np.log10(PEAK**2 / error))


def ssim(picture_HWC: np.ndarray, truth_HWC: np.ndarray) -> float:
    """Mean structural similarity of the luma of two uint8 pictures.

    Wang et al., "Image quality assessment", IEEE TIP 2004: Gaussian window of 11 x 11, sigma 1.5, K1 0.01, K2 0.03,
    averaged where the window lies inside the picture.
    """
    first_HW, second_HW = (_luma(each_HWC) for each_HWC in (picture_HWC, truth_HWC))
    mean1_HW, mean2_HW = _blurred(first_HW), _blurred(second_HW)
    variance1_HW = _blurred(first_HW**2) - mean1_HW**2
    variance2_HW = _blurred(second_HW**2) - mean2_HW**2
    covariance_HW = _blurred(first_HW * second_HW) - mean1_HW * mean2_HW
    small1, small2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    similarity_HW = ((2 * mean1_HW * mean2_HW + small1) * (2 * covariance_HW + small2)) / (
        (mean1_HW**2 + mean2_HW**2 + small1) * (variance1_HW + variance2_HW + small2)
    )
    return float(similarity_HW[5:-5, 5:-5].mean())


def _luma(picture_HWC: np.ndarray) -> np.ndarray:
    return picture_HWC.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def _blurred(image_HW: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image_HW, (11, 11), 1.5)
