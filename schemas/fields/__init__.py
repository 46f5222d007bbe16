"""Fields: how one value is read and described."""
