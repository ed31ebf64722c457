"""Volumes: files of many slices with a place in space, such as NIfTI, MetaImage, NRRD, DICOM series and stacks."""
