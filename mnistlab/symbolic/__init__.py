"""The library on symbols: its gradients proved equal to the derivatives."""

from mnistlab.symbolic.array import SymbolicArray
from mnistlab.symbolic.prove import prove_gradients
from mnistlab.symbolic.sizes import prove_for_every_size
from mnistlab.symbolic.values import NotUnderstood

__all__ = ["NotUnderstood", "SymbolicArray", "prove_for_every_size", "prove_gradients"]
