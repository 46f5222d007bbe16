"""The program that runs tasks, in the Python of an Airflow environment.

Stateroom need not be installed there: this folder is run by its path and imports nothing of
Stateroom. Each job is a connection, with requests of a line of JSON each: the first one asks for
the Dags of a file, each further one for a run of a task or of its trigger. Each answer is a list as
a line of JSON, of its kind and its members; between them come the records of the log, objects as
lines of JSON. Every job has a process of its own, and so have the import of the Dag file before the
task runs, the task, and the trigger.

``python airflow_worker SOCKET SECONDS`` serves jobs at a Unix socket until it was idle for so long;
``python airflow_worker`` takes one job on stdin and stdout; ``python airflow_worker REQUESTS
ANSWERS in-process`` takes one on two descriptors, and runs the task in its own process.
"""
