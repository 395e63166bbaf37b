"""The dashboards: one module per question. `make dashboards` writes them to grafana/dashboards."""
