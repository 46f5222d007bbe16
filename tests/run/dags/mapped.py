"""A Dag with mapped tasks."""

from airflow.sdk import dag, task, task_group


@dag(schedule=None)
def mapped():
    @task
    def plain():
        return 1

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def letters():
        return ["a", "b"]

    @task
    def add(x, y):
        return x + y

    @task
    def show(value):
        return repr(value)

    @task_group
    def days(day):
        @task
        def load(day):
            return day

        load(day)

    some = numbers()
    others = letters()
    add.expand(x=[1, 2], y=[10, 20])
    add.partial(x=1).expand(y=plain())
    days.expand(day=[1, 2, 3])
    double = show.override(task_id="double").expand(value=some.map(lambda number: 2 * number))
    show.override(task_id="pairs").expand(value=some.zip(others))
    show.override(task_id="filled").expand(value=some.zip(others, fillvalue=0))
    show.override(task_id="all").expand(value=some.concat(double))
    show.override(task_id="of_doubles").expand(value=double)
    show.override(task_id="keywords").expand_kwargs(some.map(lambda number: {"value": number}))


mapped()
