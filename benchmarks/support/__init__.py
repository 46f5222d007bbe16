"""What the benchmarks share: a load, the servers, the goals."""
