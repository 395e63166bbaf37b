"""What every exporter is made of; knows no SDK, no cloud, no exporter."""
