"""Metrics by names that are none here: what measures the same, and what the published number needs."""

FEATURES = "on EfficientNet-Lite0's features, or with --network inception-2015 on the published ones"
FILE = "pt_inception-2015-12-05-6726825d.pth in the folder that DIPTYCH_WEIGHTS names"
FID = f'"frechet" is this distance, {FEATURES}; the published FID needs the latter, with {FILE}'
KID = f'"kernel" is this distance, {FEATURES}; the published KID needs the latter, with {FILE}'
LPIPS = (
    '"lpips-alexnet" and "lpips-vgg16" are the published ones, and need their weights in the folder that DIPTYCH_WEIGHTS '
    'names; "perceptual" needs none, orders much alike and is another number'
)
SCORE = (
    "the Inception score is not here: it asks how surely ImageNet's classes are told apart, which translated pictures do "
    'not show, and never looks at the targets; take "frechet", "kernel" or "coverage"'
)
FCN = (
    '"fcn" gives per-pixel accuracy, per-class accuracy and class IoU (mIoU) by a segmenter that is trained on your real '
    "pictures; the paper's own figures need its Caffe network, which is not here"
)
SQUARED = '"psnr" is the same on another scale: of values in [-1, 1] PSNR is 10 log10(4 / MSE)'
PRECISION = '"coverage" gives density and coverage, which came after precision and recall and suffer less from outliers'

OTHER_NAMES = {
    "fid": FID,
    "kid": KID,
    "lpips": LPIPS,
    "is": SCORE,
    "inception": SCORE,
    "inception-score": SCORE,
    "miou": FCN,
    "iou": FCN,
    "fcn-score": FCN,
    "accuracy": FCN,
    "pixel-accuracy": FCN,
    "mse": SQUARED,
    "rmse": SQUARED,
    "l2": SQUARED,
    "mae": '"l1" is this: the mean absolute error of values in [-1, 1], half of it for values in [0, 1]',
    "precision": PRECISION,
    "recall": PRECISION,
    "density": '"coverage" gives both, density and coverage',
}
