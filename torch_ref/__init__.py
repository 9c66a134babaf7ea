"""The same networks from torch.nn, with autograd for the gradients: the reference that knows no backward formula."""

from torch_ref.activations import activation_module
from torch_ref.network import Network, lines
from torch_ref.outputs import loss_of, output_module

__all__ = ["Network", "activation_module", "lines", "loss_of", "output_module"]
