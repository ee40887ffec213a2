"""The nets that can start from a file of PyTorch's weights, of all recipes."""

from stagewise.recipes import pneumothorax, vote

KNOWN = (*vote.TORCH_STARTS, *pneumothorax.TORCH_STARTS)
