"""What is stored of downtimes: in SQLite, or in PostgreSQL."""
