"""What `make images` does: an image for each exporter, made by buildah where no registry is reachable."""
