"""What several systems share: discriminators, pools of fakes, losses on several scales, depths of U-Nets."""
