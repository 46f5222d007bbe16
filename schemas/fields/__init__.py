"""Fields: how a single value is read, and described in OpenAPI."""
