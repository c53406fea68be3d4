"""One prediction through a ModelDeployment's Service, asked from inside the cluster."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.support.deployed import Deployed
from tests.support.mlflow_pod import MlflowPod
from tests.support.waiting import until

# The first row of the example that the demo's models are logged with.
COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"]
BODY = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [[5.1, 3.5, 1.4]]}})

_ASK = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), {"content-type": "application/json"})
with urllib.request.urlopen(request, timeout=30) as answer:
    print(json.dumps({"headers": dict(answer.headers), "body": json.load(answer)}))
"""


@dataclass(frozen=True)
class Prediction:
    """The answer's headers, names in lower case, and what it predicts for the row."""

    headers: dict[str, str]
    prediction: Any


def predict(client: MlflowPod, deployed: Deployed) -> Prediction:
    """Ask for a prediction, with MLflow's pod as the client."""
    url = f"http://{deployed.name}.{deployed.namespace}.svc/invocations"
    answer = json.loads(client.run(_ASK, url, BODY))
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    return Prediction(headers, answer["body"]["predictions"][0])


def asked(client: MlflowPod, deployed: Deployed) -> Prediction | None:
    """What is predicted; None where nothing answers."""
    with suppress(AssertionError):
        return predict(client, deployed)
    return None


def answered(client: MlflowPod, deployed: Deployed, *, within: float = 10) -> Prediction:
    """The first prediction that is answered.

    kube-proxy and the cluster's DNS hear of a new Service in their own time, be it Ready to the operator.
    """
    return until(
        lambda: asked(client, deployed),
        within=within,
        what=f"{deployed} answers",
        now=lambda: predict(client, deployed),  # its error is the reason
    )
