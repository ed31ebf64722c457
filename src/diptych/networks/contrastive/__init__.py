"""The networks of CUT (Park et al. 2020): a ResNet with anti-aliased resampling, and the heads that compare its features."""
