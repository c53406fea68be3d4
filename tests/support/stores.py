"""What MLflow stores things in, as a platform team has it: PostgreSQL, and a bucket of an S3 server.

Real servers of each, in a namespace of their own. What they hold is gone with their pods.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pintle.domain.resources import DEPLOYMENTS, NAMESPACES, SERVICES
from testbed import stores
from tests.support import server_pods
from tests.support.kube import MINE, RESTRICTED, Kube
from tests.support.rig import Rig
from tests.support.server_pods import RESTRICTED_CONTAINER

POSTGRESQL_IMAGE = "docker.io/pintle/postgresql:0.1.0"
S3_PORT, POSTGRESQL_PORT = 7070, 5432
BUCKET = "models"
REGION = "us-east-1"
PASSWORD = "of-the-database"

_WHO = "--username=mlflow --pwfile=/dev/stdin --auth=scram-sha-256"
# Data of a test need not survive a power cut.
_POSTGRES = f"""
echo {PASSWORD} | initdb --pgdata=/data/db --encoding=UTF8 --locale=C.UTF-8 {_WHO}
echo 'host all all all scram-sha-256' >> /data/db/pg_hba.conf
exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/data -c fsync=off
"""


@dataclass(frozen=True)
class Keys:
    """Who asks the S3 server."""

    access: str
    secret: str


# Who may do everything, and who may read what the bucket's policy lets them.
OWNER = Keys("AKIDOWNER00000000000", "secret-of-the-owner")
READER = Keys("AKIDREADER0000000000", "secret-of-the-reader")

# By boto3, which MLflow's image has: make the bucket, and let the reader read it.
_PREPARE = """
import json, sys, boto3
endpoint, region, bucket, access, secret, reader = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name=region,
                  aws_access_key_id=access, aws_secret_access_key=secret)
s3.create_bucket(Bucket=bucket)
def allow(action, resource):
    return {"Effect": "Allow", "Principal": {"AWS": [reader]}, "Action": [action], "Resource": [resource]}
arn = f"arn:aws:s3:::{bucket}"
statements = [allow("s3:ListBucket", arn), allow("s3:GetObject", f"{arn}/*")]
s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
"""


@dataclass(frozen=True)
class Stores:
    """The two servers, in a namespace."""

    kube: Kube
    namespace: str

    @property
    def endpoint(self) -> str:
        """Where the S3 server is."""
        return f"http://s3.{self.namespace}.svc:{S3_PORT}"

    def database(self, name: str) -> str:
        """The URI of a database, as MLflow takes it."""
        return (
            f"postgresql+psycopg://mlflow:{PASSWORD}@postgresql.{self.namespace}.svc:{POSTGRESQL_PORT}/{name}"
        )

    def environment(self, keys: Keys | None) -> dict[str, str]:
        """What AWS's clients need in their environment to read the bucket; without keys, all the rest."""
        place = {"AWS_ENDPOINT_URL_S3": self.endpoint, "AWS_DEFAULT_REGION": REGION}
        if keys is None:
            return place
        return place | {"AWS_ACCESS_KEY_ID": keys.access, "AWS_SECRET_ACCESS_KEY": keys.secret}

    def create_database(self, name: str) -> None:
        """Make an empty database."""
        self._exec("postgresql", "createdb", "--host=/data", "--username=mlflow", name, password=True)

    def sql(self, database: str, statement: str) -> str:
        """What a statement gives, unaligned and without a head."""
        flags = ("--host=/data", "--username=mlflow", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
        done = self._exec("postgresql", "psql", *flags, "-c", statement, database, password=True)
        return done.strip()

    def _exec(self, pod: str, *command: str, password: bool = False) -> str:
        before = ("env", f"PGPASSWORD={PASSWORD}") if password else ()
        return self.kube.kubectl("-n", self.namespace, "exec", f"deploy/{pod}", "--", *before, *command)

    def _prepare(self, client: Rig) -> None:
        place = (self.endpoint, REGION, BUCKET, OWNER.access, OWNER.secret, READER.access)
        flags = ("--allow-insecure", f"--access={OWNER.access}", f"--secret={OWNER.secret}")
        user = (f"--access={READER.access}", f"--secret={READER.secret}", "--role=user")
        where = f"--endpoint-url=http://localhost:{S3_PORT}"
        program = f"/{stores.s3_server().name}"
        self._exec("s3", program, "admin", *flags, where, "create-user", *user)
        client.mlflow.run(_PREPARE, *place)


@contextmanager
def raised(rig: Rig, namespace: str) -> Iterator[Stores]:
    """Both servers with the bucket and its two users, until the end of the block."""
    cluster, made = rig.kube.cluster, Stores(rig.kube, namespace)
    cluster.images("postgresql")
    cluster.load(stores.s3_image())
    rig.kube.create(NAMESPACES, "", {"metadata": {"name": namespace, "labels": MINE | RESTRICTED}})
    try:
        _server(rig.kube, namespace, "postgresql", POSTGRESQL_PORT, _postgresql())
        _server(rig.kube, namespace, "s3", S3_PORT, _s3())
        for name in ("postgresql", "s3"):
            rig.kube.rolled_out(DEPLOYMENTS, namespace, name, within=120)
        made._prepare(rig)
        yield made
    finally:
        rig.kube.delete(NAMESPACES, "", namespace)


def _postgresql() -> dict[str, Any]:
    ready = {"exec": {"command": ["pg_isready", "--host=/data"]}, "periodSeconds": 1}
    return {
        "image": POSTGRESQL_IMAGE,
        "command": ["sh", "-euc", _POSTGRES],
        "readinessProbe": ready,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }


def _s3() -> dict[str, Any]:
    variables = {"ROOT_ACCESS_KEY": OWNER.access, "ROOT_SECRET_KEY": OWNER.secret}
    folders = {"buckets": "/buckets", "users": "/users"}
    server = [f"--port=:{S3_PORT}", f"--region={REGION}", "--iam-dir=/users", "posix", "/buckets"]
    return {
        "image": stores.S3_IMAGE,
        "args": server,
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {"tcpSocket": {"port": S3_PORT}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "data", "mountPath": path, "subPath": name} for name, path in folders.items()
        ],
    }


def _server(kube: Kube, namespace: str, name: str, port: int, container: Mapping[str, Any]) -> None:
    common = {"name": name, "imagePullPolicy": "IfNotPresent", "securityContext": RESTRICTED_CONTAINER}
    body = server_pods.deployment(name, common | dict(container), [{"name": "data", "emptyDir": {}}])
    service = {"selector": {"app": name}, "ports": [{"port": port}]}
    kube.create(SERVICES, namespace, {"metadata": {"name": name}, "spec": service})
    kube.create(DEPLOYMENTS, namespace, body)
