"""The pages: what they show of downtimes, from values alone."""
