"""HTTP to a cloud within a budget: limits, back-off after refusals, and what was spent."""
