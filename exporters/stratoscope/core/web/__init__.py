"""The pages: who may see them, how they are served, and the file that guards them."""
