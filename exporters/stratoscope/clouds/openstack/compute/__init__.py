"""Nova: servers, flavors, hosts, aggregates and services."""
