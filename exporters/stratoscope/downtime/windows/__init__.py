"""Recurring windows: when each occurrence begins and ends. An occurrence becomes a downtime of its own."""
