"""What Stateroom costs, as ratios within one run."""
