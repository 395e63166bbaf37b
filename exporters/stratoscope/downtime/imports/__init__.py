"""Downtimes that other systems announce: read, mapped to our labels, given to the database."""
