"""What an integrality tolerance may leak through an encoding, in the model's own units."""

INTEGRALITY = 1e-6
"""Integrality tolerance the rules assume of solvers."""
SINGLE_LEAK, PRODUCT_LEAK = 1e-4, 1e-3
"""Of a slack or a multiplier alone, and of their product or a follower's cost."""
