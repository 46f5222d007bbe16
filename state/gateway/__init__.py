"""The service runs its own backend: values, health of references, orphans."""
