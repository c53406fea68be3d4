"""The command line: `python -m testbed COMMAND`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed import progress
from testbed.errors import TestbedError
from testbed.providers import Provider, choose


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status."""
    options = parser().parse_args(arguments)
    run: Callable[[Provider, argparse.Namespace], int] = options.run
    try:
        return run(choose(), options)
    except TestbedError as error:
        progress.say(f"testbed: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("testbed: stopped; run the same command again to carry on, or `down` to clean up")
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m testbed",
        description="A real single-node Kubernetes on this machine, for tests and for trying things out.",
        epilog="TESTBED_NAME names the cluster (default: pintle). TESTBED chooses how to get one:"
        " auto (default), embedded, kind or current. See docs/testbed.md.",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    up = commands.add_parser("up", help="raise the cluster, or what is missing of it")
    up.add_argument("--control-plane-only", action="store_true", help="an API server without a node; needs no root")
    up.set_defaults(run=_up)

    commands.add_parser("down", help="remove the cluster and all it put on the machine").set_defaults(run=_down)
    commands.add_parser("status", help="say what is up").set_defaults(run=_status)
    commands.add_parser("kubeconfig", help="print the kubeconfig's path").set_defaults(run=_kubeconfig)

    load = commands.add_parser("load-image", help="make images available to pods")
    load.add_argument("archives", nargs="+", type=Path, metavar="FILE.tar", help="an archive as `docker save` writes")
    load.set_defaults(run=_load)

    images = commands.add_parser("images", help="build the project's images and make them available to pods")
    images.add_argument("targets", nargs="*", metavar="TARGET", help="targets of the Dockerfile (default: all)")
    images.set_defaults(run=_images)

    kubectl = commands.add_parser("kubectl", help="run kubectl on the cluster", add_help=False)
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER)
    kubectl.set_defaults(run=_kubectl)
    return top


def _up(provider: Provider, options: argparse.Namespace) -> int:
    cluster = provider.up(control_plane_only=options.control_plane_only)
    progress.say(f"cluster {cluster.name} is up; export KUBECONFIG={cluster.kubeconfig}")
    return 0


def _down(provider: Provider, _: argparse.Namespace) -> int:
    provider.down()
    return 0


def _status(provider: Provider, _: argparse.Namespace) -> int:
    print(provider.status())
    return 0


def _kubeconfig(provider: Provider, _: argparse.Namespace) -> int:
    cluster = provider.find()
    if cluster is None:
        raise TestbedError("there is no cluster: raise it with `python -m testbed up`")
    print(cluster.kubeconfig)
    return 0


def _load(provider: Provider, options: argparse.Namespace) -> int:
    provider.load(options.archives)
    return 0


def _images(provider: Provider, options: argparse.Namespace) -> int:
    provider.build_images(options.targets)
    return 0


def _kubectl(provider: Provider, options: argparse.Namespace) -> int:
    sys.stdout.flush()
    return subprocess.run([*provider.kubectl(), *options.arguments], env=os.environ, check=False).returncode
