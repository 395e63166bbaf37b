"""What `make release` does: judge a tag, build its files, and try the wheel outside the clone."""
