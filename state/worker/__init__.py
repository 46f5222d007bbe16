"""Code of an Airflow worker: accessors, a task's context, backends without arguments."""

from .backends import FileBackend as FileBackend
from .backends import ObjectBackend as ObjectBackend
