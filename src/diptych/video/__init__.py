"""Moving pictures: films, animated pictures and numbered frames, read and written frame by frame; flow, flicker and smoothing.

PyAV and OpenCV, the extra ``video``, are imported only where a film or a flow is asked for.
"""
