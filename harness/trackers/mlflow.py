"""MLflow: the store that MLFLOW_TRACKING_URI names, or else mlflow.db in the working directory."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from harness.trackers.tracker import Tracker

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # else it reports to its makers
# By default a server that does not answer holds a search up for many minutes before that is an error.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

AT_ONCE, LONGEST = 100, 6000
"""Parameters in a call, and characters of one, that MLflow takes."""


class MLflow(Tracker):
    """A run of the experiment MLFLOW_EXPERIMENT_NAME, or `harness`."""

    def begin(self, name: str, settings: Mapping[str, str | int | float | bool], first: int) -> None:
        for chatty in ("mlflow", "alembic"):  # say at length how they make a data base
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._client = MlflowClient()
        experiment = self._experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", "harness"))
        earlier = self._client.search_runs([experiment], f"attributes.run_name = '{name}'") if first else []
        if earlier:
            self._run = earlier[0].info.run_id  # the newest
            self._client.update_run(self._run, status="RUNNING")
            return
        self._run = self._client.create_run(experiment, run_name=name).info.run_id
        params = [Param(key, str(value)[:LONGEST]) for key, value in settings.items()]
        for start in range(0, len(params), AT_ONCE):
            self._client.log_batch(self._run, params=params[start : start + AT_ONCE])

    def figure(self, step: int, path: Path) -> None:
        self._client.log_artifact(self._run, str(path), "cells")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        self._client.log_batch(self._run, [Metric(name, value, now, step) for name, value in values.items()])

    def end(self) -> None:
        self._client.set_terminated(self._run)

    def _experiment(self, name: str) -> str:
        """The id of the experiment of this name, which is made if it is not there."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return self._client.create_experiment(name)
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:  # it is not there because another process has made it meanwhile
                    raise
        return found.experiment_id
