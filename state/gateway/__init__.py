"""The service's own backend: values, health of references, orphans."""
