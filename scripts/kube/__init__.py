"""A real kube-apiserver for tests of the chart."""
