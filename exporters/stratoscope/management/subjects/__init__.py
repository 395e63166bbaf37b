"""The subjects: the samples of each class of answers, one per file."""
