"""The networks of BicycleGAN (Zhu et al., NeurIPS 2017): a U-Net that takes a style, its encoder, discriminators of two scales."""
