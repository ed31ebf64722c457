"""Exported forms of a run: model folders, ONNX files, torch.export programs, web pages, offers of a service; each is checked."""
