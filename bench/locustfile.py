"""The load of fixed-answer.toml for Locust, with either of its clients."""

from locust import FastHttpUser, HttpUser, task


class Http(HttpUser):
    @task
    def ask(self):
        self.client.get("/")


class FastHttp(FastHttpUser):
    @task
    def ask(self):
        self.client.get("/")
