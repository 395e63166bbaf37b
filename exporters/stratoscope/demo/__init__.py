"""An embedded cloud that speaks real protocols on loopback: for `make demo`, tests and benchmarks."""
