"""CIE Lab under D65 from sRGB (IEC 61966-2-1), with planes first."""

import numpy as np
import numpy.typing as npt

TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=np.float32,
)
FROM_XYZ = np.linalg.inv(TO_XYZ.astype(np.float64)).astype(np.float32)
WHITE = np.array([0.95047, 1.0, 1.08883], dtype=np.float32)[:, None, None]
BEND = (6 / 29) ** 3


def rgb_to_lab(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """sRGB in [0, 1], (3, H, W), to L in [0, 100] and a, b within about +-110."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.einsum("ij,jhw->ihw", TO_XYZ, linear) / WHITE
    bent = np.where(xyz > BEND, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = bent
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).astype(np.float32)


def lab_to_rgb(lab: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The inverse; colours outside sRGB come out outside [0, 1]."""
    y = (lab[0] + 16) / 116
    bent = np.stack([y + lab[1] / 500, y, y - lab[2] / 200])
    xyz = np.where(bent > 6 / 29, bent**3, 3 * (6 / 29) ** 2 * (bent - 4 / 29)) * WHITE
    linear = np.einsum("ij,jhw->ihw", FROM_XYZ, xyz)
    curved = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    rgb: npt.NDArray[np.float32] = np.where(linear <= 0.0031308, 12.92 * linear, curved).astype(np.float32)
    return rgb
