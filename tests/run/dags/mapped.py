"""A Dag with mapped tasks."""

from airflow.sdk import dag, task, task_group


@dag(schedule=None)
def mapped():
    @task
    def plain():
        return 1

    @task
    def add(x, y):
        return x + y

    @task_group
    def days(day):
        @task
        def load(day):
            return day

        load(day)

    add.expand(x=[1, 2], y=[10, 20])
    add.partial(x=1).expand(y=plain())
    days.expand(day=[1, 2, 3])


mapped()
