"""A Dag of one task, which every way to run a task gets."""

from airflow.sdk import dag, task


@dag(schedule=None)  # type: ignore[untyped-decorator]  # Airflow is not installed here
def bench() -> None:
    @task  # type: ignore[untyped-decorator]
    def submit() -> str:
        return "job-1"

    submit()


bench_dag = bench()

if __name__ == "__main__":
    bench_dag.test()
