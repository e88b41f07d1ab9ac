"""Events → Prometheus."""
