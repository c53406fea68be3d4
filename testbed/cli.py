"""The command line: `python -m testbed COMMAND`."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed import logview, progress
from testbed.errors import TestbedError
from testbed.providers import Provider, choose


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    run: Callable[[Provider, argparse.Namespace], int] = options.run
    try:
        return run(choose(), options)
    except TestbedError as error:
        progress.say(f"testbed: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("testbed: stopped; run the same command again to carry on, or `down` to clean up")
        return 130


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; `run` is the command. What follows `kubectl` is kubectl's, dashes and all."""
    if arguments[:1] == ["kubectl"]:
        return argparse.Namespace(run=_kubectl, arguments=arguments[1:])
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m testbed",
        description="A real single-node Kubernetes on this machine, for tests and for trying things out.",
        epilog="TESTBED_NAME names the cluster (default: pintle). TESTBED chooses how to get one:"
        " auto (default), embedded, kind or current. See docs/testbed.md.",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    up = commands.add_parser("up", help="raise the cluster, or what is missing of it")
    up.add_argument(
        "--control-plane-only", action="store_true", help="an API server without a node; needs no root"
    )
    up.set_defaults(run=_up)

    commands.add_parser("down", help="remove the cluster and all it put on the machine").set_defaults(
        run=_down
    )
    commands.add_parser("status", help="say what is up").set_defaults(run=_status)
    commands.add_parser("kubeconfig", help="print the kubeconfig's path").set_defaults(run=_kubeconfig)

    load = commands.add_parser("load-image", help="make images available to pods")
    load.add_argument(
        "archives", nargs="+", type=Path, metavar="FILE.tar", help="an archive as `docker save` writes"
    )
    load.set_defaults(run=_load)

    images = commands.add_parser("images", help="build the project's images and make them available to pods")
    images.add_argument(
        "targets", nargs="*", metavar="TARGET", help="targets of the Dockerfile (default: all)"
    )
    images.set_defaults(run=_images)

    logs = commands.add_parser("logs", help="show the logs of the cluster's components")
    logs.add_argument("component", nargs="?", help="one of them, or `audit` (default: the end of each)")
    logs.add_argument("-n", "--lines", type=int, default=20, help="how many lines from the end (default: 20)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as they grow")
    logs.add_argument("--save", type=Path, metavar="DIR", help="copy all of them to a folder instead")
    logs.set_defaults(run=_logs)

    commands.add_parser("kubectl", help="run kubectl on the cluster: all that follows is kubectl's")
    return top


def _up(provider: Provider, options: argparse.Namespace) -> int:
    access = provider.up(control_plane_only=options.control_plane_only)
    progress.say(f"cluster {access.name} is up; export KUBECONFIG={access.kubeconfig}")
    return 0


def _down(provider: Provider, _: argparse.Namespace) -> int:
    provider.down()
    return 0


def _status(provider: Provider, _: argparse.Namespace) -> int:
    is_up, text = provider.status()
    print(text)
    return 0 if is_up else 1


def _kubeconfig(provider: Provider, _: argparse.Namespace) -> int:
    print(provider.find().kubeconfig)
    return 0


def _load(provider: Provider, options: argparse.Namespace) -> int:
    provider.load(options.archives)
    return 0


def _images(provider: Provider, options: argparse.Namespace) -> int:
    provider.build_images(options.targets)
    return 0


def _logs(provider: Provider, options: argparse.Namespace) -> int:
    if options.save:
        provider.save_logs(options.save)
        return 0
    folder = provider.find().log_dir
    if folder is None:
        raise TestbedError("this cluster's logs are not the test bed's to show")
    if options.follow:
        logview.follow(folder, options.component)
    else:
        logview.show(folder, options.component, options.lines)
    return 0


def _kubectl(provider: Provider, options: argparse.Namespace) -> int:
    return subprocess.run([*provider.kubectl(), *options.arguments], check=False).returncode
