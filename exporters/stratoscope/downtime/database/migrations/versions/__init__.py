"""One file per schema; its number is the revision."""
