"""What leaves a run to be handed on: model folders, ONNX, torch.export programs, web pages, offers of a service; each checked."""
