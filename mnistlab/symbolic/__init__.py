"""The library on symbols: its gradients proved equal to the derivatives."""
