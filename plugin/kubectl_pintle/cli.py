"""The command line: `kubectl pintle COMMAND`."""

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from kubectl_pintle.commands import diff, export, history, promote, reject, rollback, status, wait
from kubectl_pintle.commands.context import FAILED, Context
from kubectl_pintle.kubectl import Kubectl, KubectlError
from kubectl_pintle.records import NoSuchRevision
from kubectl_pintle.rollback import Refused
from kubectl_pintle.screen import Screen, now

PROGRAM = "kubectl pintle"

# kubectl's own flags that say which cluster, and as whom; they are passed on to it.
_FLAGS = ("kubeconfig", "context", "cluster", "user", "as", "as-group", "request-timeout")
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|m|s|)")
_SECONDS = {"h": 3600, "m": 60, "s": 1, "": 1}

_ENDING = """\
exit status: 0 for yes or done, 1 for no (not Ready, differs, not done), 2 if it could not be told or written.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    args = _parser().parse_args(arguments)
    context = Context(args, Kubectl(_passed_on(args)), Screen())
    try:
        code: int = args.run(context)
    except Refused as refused:
        return _fail(context, refused, 1)
    except (KubectlError, NoSuchRevision) as error:
        return _fail(context, error, FAILED)
    except KeyboardInterrupt:
        return 130
    return code


def _fail(context: Context, error: Exception, code: int) -> int:
    context.screen.say(f"{PROGRAM}: {error}")
    return code


def _passed_on(args: Namespace) -> tuple[str, ...]:
    given = ((flag, getattr(args, flag.replace("-", "_"))) for flag in _FLAGS)
    return tuple(f"--{flag}={value}" for flag, value in given if value is not None)


def timeout(text: str) -> timedelta:
    """`90s`, `5m`, `1h30m`, or a number of seconds."""
    if not re.fullmatch(rf"(?:{_PART.pattern})+", text):
        raise ArgumentTypeError(f"{text} is no duration, such as 90s or 5m")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def moment(text: str) -> datetime:
    """`2026-11-24T14:05Z`, or with another offset; without any it is UTC, as all that is printed."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no time, such as 2026-11-24T14:05Z") from None
    found = read if read.tzinfo else read.replace(tzinfo=UTC)
    if found > now():
        raise ArgumentTypeError(f"{text} is yet to come")
    return found


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=PROGRAM,
        description="See, compare, promote, roll back and reject what Pintle serves.",
        epilog=_ENDING,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('kubectl-pintle')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _status(_command(commands.add_parser, "status", "what serves, what is on its way, and why", status.run))
    _history(_command(commands.add_parser, "history", "which version served from when to when", history.run))
    _diff(_command(commands.add_parser, "diff", "what differs between two revisions", diff.run))
    _rollback(_command(commands.add_parser, "rollback", "back to the version before, at once", rollback.run))
    _reject(
        _command(
            commands.add_parser, "reject", "take a version out of traffic, leaving spec alone", reject.run
        )
    )
    _promote(
        _command(commands.add_parser, "promote", "all of the traffic to what a canary tries", promote.run)
    )
    _wait(_command(commands.add_parser, "wait", "wait until what is declared serves", wait.run))
    _export(_command(commands.add_parser, "export", "what to apply to have all of it again", export.run))
    return parser


def _command(
    add: Callable[..., ArgumentParser], name: str, summary: str, run: Callable[[Context], int]
) -> ArgumentParser:
    """A command with the flags that all have."""
    parser = add(name, help=summary, description=run.__doc__, epilog=_ENDING, allow_abbrev=False)
    parser.set_defaults(run=run)
    parser.add_argument("-n", "--namespace", help="namespace; left out, the context's own")
    group = parser.add_argument_group("passed on to kubectl")
    for flag in _FLAGS:
        group.add_argument(f"--{flag}", metavar="VALUE")
    return parser


def _everywhere(parser: ArgumentParser, means: str) -> None:
    parser.add_argument("-A", "--all-namespaces", action="store_true", help=means)


def _output(parser: ArgumentParser, *choices: str) -> None:
    parser.add_argument("-o", "--output", choices=choices, help="left out, text for people")


def _waiting(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=timeout,
        default=timedelta(minutes=15),
        help="how long to wait: 90s, 5m; 15m if left out",
    )


def _writing(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and have it checked only"
    )
    _waiting(parser)
    _output(parser, "json")


def _status(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="left out, all of the namespace")
    _everywhere(parser, "all of the cluster")
    _output(parser, "json")


def _history(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--at",
        type=moment,
        metavar="TIME",
        help="only what served at that time, such as 2026-11-24T14:05Z; UTC if it has no offset",
    )
    _output(parser, "wide", "json")


def _diff(parser: ArgumentParser) -> None:
    parser.usage = f"{PROGRAM} diff [-n NAMESPACE] [-o json] NAME [REVISION [REVISION]]"
    parser.add_argument(
        "revisions",
        nargs="+",
        metavar="NAME [REVISION [REVISION]]",
        help="a revision's name, hash or version; one is compared with what serves; with none, what serves "
        "is compared with what is on its way, or else with what served before",
    )
    _output(parser, "json")


def _rollback(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--to",
        metavar="VERSION",
        help="left out, what serves if something else is declared, else the standby",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--reject", action="store_true", help="leave spec alone, and reject the version instead")
    how.add_argument("--force", action="store_true", help="edit spec even where something else owns it")
    _writing(parser)


def _reject(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "revision", nargs="?", metavar="REVISION", help="a hash, or version/N; left out, what serves"
    )
    which.add_argument("--clear", action="store_true", help="reject nothing any more")
    _writing(parser)


def _promote(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    _writing(parser)


def _wait(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    _waiting(parser)
    _output(parser, "json")


def _export(parser: ArgumentParser) -> None:
    _everywhere(parser, "all of the cluster, and what is the cluster's own")


if __name__ == "__main__":
    sys.exit(main())
