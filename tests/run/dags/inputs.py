"""A Dag whose tasks read what they are given: XComs, variables, a connection, assets."""

from airflow.exceptions import AirflowFailException
from airflow.sdk import Asset, AssetAlias, Connection, Variable, dag, task

ORDERS = Asset("orders", uri="s3://bucket/orders")


@dag(schedule=None)
def inputs():
    @task
    def numbers():
        return [1, 2, 3]

    @task
    def double(number):
        return 2 * number

    @task
    def total(values):
        return sum(values)

    @task
    def names() -> dict[str, str]:
        return {"first": "a"}

    @task
    def greet(name):
        return f"hello {name}"

    @task(retries=1)
    def settings():
        connection = Connection.get("warehouse")
        return [Variable.get("page_size"), connection.login, connection.password, connection.host]

    @task(inlets=[ORDERS, Asset.ref(name="customers"), Asset.ref(uri="s3://bucket/days")])
    def read(asset_state_store=None):
        asset_state_store[Asset.ref(uri="s3://bucket/days")].set("watermark", 1)
        return asset_state_store[ORDERS].get("watermark", default=0)

    @task(outlets=[AssetAlias("tables"), ORDERS])
    def write(outlet_events=None):
        outlet_events[AssetAlias("tables")].add(ORDERS)

    @task(retries=3)
    def give_up():
        raise AirflowFailException("the input is wrong")

    @task
    def fail():
        raise ValueError("no")

    total(double.expand(number=numbers()))
    greet(names()["first"])
    settings()
    read()
    write()
    give_up()
    fail()


inputs()
