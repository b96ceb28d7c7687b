"""The command line: `pellucid VERB ...`.

Nothing heavy is imported here; each verb imports what it needs when it runs, so that `--help`
answers at once. Progress goes to standard error, answers to standard output. Exit codes: 0 done,
2 the user can mend it, 130 interrupted (the best model is saved), 1 a bug of ours.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pellucid import __version__
from pellucid.config import LeftOut, Settings
from pellucid.errors import ConfigError, PellucidError, did_you_mean
from pellucid.interfaces.patience import wait_asleep_if_busy
from pellucid.interfaces.seconds import seconds_of

if TYPE_CHECKING:
    from pellucid.interfaces.trained import Trained
    from pellucid.recipe import Watcher

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        options, unknown = parser().parse_known_args(words)
        unknown = _with_parts(options, unknown)
        if unknown:
            raise _unknown(options, unknown[0])
        wait_asleep_if_busy()
        code: int = options.run(options)
        return code
    except PellucidError as error:
        if as_json:
            print(json.dumps({"error": error.as_json()}, ensure_ascii=False), flush=True)
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough (`pellucid predict ... | head`).
        sys.stderr.close()
        return 0


class Parser(argparse.ArgumentParser):
    """Says what is wrong in the same three lines as every other error."""

    def error(self, message: str) -> NoReturn:
        option, _, problem = message.removeprefix("argument ").partition(": ")
        if problem.startswith("invalid choice: "):
            raise _no_choice(self, option, problem)
        if problem.startswith("invalid int value: "):
            raise ConfigError(
                f"{problem.removeprefix('invalid int value: ')} is no whole number",
                where=option,
                fix=f"write a whole number, such as {option} 1",
            )
        if problem.startswith("invalid float value: "):
            raise ConfigError(
                f"{problem.removeprefix('invalid float value: ')} is no number",
                where=option,
                fix=f"write a number, such as {option} 0.95",
            )
        if problem.startswith("expected one argument"):
            raise ConfigError(
                f"{option} needs a value", where=self.prog, fix=f"write it as {option}=VALUE"
            )
        missing = message.partition("the following arguments are required: ")[2]
        if missing == "VERB":
            raise ConfigError(
                "there is nothing to do yet: no verb is given",
                where=self.prog,
                fix="try 'pellucid demo digits' or 'pellucid learn YOUR_FOLDER_OR_TABLE'",
            )
        what = f"{missing} is missing" if missing else message
        raise ConfigError(what, where=self.prog, fix=f"see '{self.prog} --help'")


def _no_choice(parser: Parser, option: str, problem: str) -> ConfigError:
    """A word that is none of the possible ones; the wording of argparse changes with Python."""
    word = problem.split("'")[1]
    action = next(item for item in parser._actions if option in _names_of(item))
    what = f"there is no verb '{word}'" if option == "VERB" else f"{option} can't be '{word}'"
    return ConfigError(what, where=parser.prog, fix=did_you_mean(word, action.choices or ()))


def _names_of(action: argparse.Action) -> list[str]:
    return ["/".join(action.option_strings), str(action.metavar), action.dest]


def _with_parts(options: argparse.Namespace, words: list[str]) -> list[str]:
    """The words that are left when those behind an option, as in `study RUN --time 5s PART`, have
    joined the list that they belong to: argparse has closed it by then as empty."""
    if getattr(options, "parts", None) != []:
        return words
    options.parts = [word for word in words if not word.startswith("-")]
    return [word for word in words if word.startswith("-")]


def _unknown(options: argparse.Namespace, word: str) -> ConfigError:
    """A word or option that the verb does not know."""
    verb: Parser = options.parser
    if not word.startswith("-"):
        return ConfigError(
            f"'{word}' is one word too many",
            where=verb.prog,
            fix=f"put names with blanks in quotes; see '{verb.prog} --help'",
        )
    name = word.partition("=")[0]
    known = [item for action in verb._actions for item in action.option_strings]
    return ConfigError(f"there is no option {name}", where=verb.prog, fix=did_you_mean(name, known))


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = Parser(
        prog="pellucid",
        description="Deep learning you can see through: learn from your own data, see every step, "
        "and hear honestly whether deep learning was needed.",
        epilog="Start with:  pellucid demo digits   or   pellucid learn YOUR_FOLDER_OR_TABLE",
    )
    top.add_argument("--version", action="version", version=f"pellucid {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)

    learn = verbs.add_parser(
        "learn", help="learn from a folder, a table, a zip, a .ts or .npz file"
    )
    learn.add_argument("source", help="where the examples are")
    learn.add_argument("--target", help="column to predict; several numbers: A,B,C")
    learn.add_argument("--test", metavar="SOURCE", help="a second source that is only for the exam")
    _add_settings(learn)
    learn.add_argument("--out", metavar="RUN", help="folder for the run (default: NAME.run)")
    learn.add_argument("--plan", metavar="RUN", help="repeat the plan of another run exactly")
    learn.add_argument("--no-report", action="store_true", help="don't write report.html")
    _add_watch(learn)
    learn.add_argument(
        "--paused",
        action="store_true",
        help="wait before the first step, until the studio says go on",
    )
    _add_json(learn)
    learn.set_defaults(run=_learn, parser=learn)

    resume = verbs.add_parser("resume", help="go on with a run that was interrupted or killed")
    resume.add_argument("run_folder", metavar="RUN")
    _add_watch(resume)
    _add_json(resume)
    resume.set_defaults(run=_resume, parser=resume)

    show = verbs.add_parser("show", help="what happened in a run; without RUN: all runs here")
    show.add_argument("run_folder", metavar="RUN", nargs="?")
    _add_json(show)
    show.set_defaults(run=_show, parser=show)

    predict = verbs.add_parser("predict", help="answer new examples")
    predict.add_argument("run_folder", metavar="RUN")
    predict.add_argument(
        "sources",
        metavar="INPUT",
        nargs="+",
        help="file, folder, table, one row as NAME=VALUE ..., or a text in quotes",
    )
    predict.add_argument(
        "--model",
        choices=("network", "baseline"),
        help="who answers (default: the one that was kept)",
    )
    predict.add_argument(
        "--sure",
        type=float,
        metavar="SHARE",
        help="answer only where at least so sure, such as 0.95; else say it doesn't know",
    )
    predict.add_argument("--out", metavar="FILE", help="write a .csv or .jsonl file")
    _add_json(predict)
    predict.set_defaults(run=_predict, parser=predict)

    recommend = verbs.add_parser("recommend", help="what to recommend to one user, and why")
    recommend.add_argument("run_folder", metavar="RUN")
    whom = recommend.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", help="name of the user, as in the data")
    whom.add_argument(
        "--liked", nargs="+", metavar="ITEM", help="for somebody new: what that one likes"
    )
    recommend.add_argument("--top", type=int, default=10, help="length of the list (default: 10)")
    recommend.add_argument(
        "--model",
        choices=("network", "baseline"),
        help="who makes the list (default: who made better ones on validation events)",
    )
    _add_json(recommend)
    recommend.set_defaults(run=_recommend, parser=recommend)

    explain = verbs.add_parser("explain", help="why it answers so: one example, piece by piece")
    explain.add_argument("run_folder", metavar="RUN")
    explain.add_argument(
        "sources",
        metavar="INPUT",
        nargs="+",
        help="file, folder, table, one row as NAME=VALUE ..., or a text in quotes",
    )
    explain.add_argument("--row", type=int, help="which row of INPUT, counted from 0")
    explain.add_argument(
        "--class", dest="name", metavar="NAME", help="class, tag or target (default: the answer)"
    )
    explain.add_argument(
        "--model",
        choices=("network", "baseline"),
        help="whose answer (default: the one that was kept)",
    )
    explain.add_argument("--time", help="about how long it may take (default: 2s)")
    explain.add_argument("--html", metavar="FILE", help="write a page with pictures and marks")
    _add_json(explain)
    explain.set_defaults(run=_explain, parser=explain)

    enroll = verbs.add_parser("enroll", help="show a model of similarity who is who, untrained")
    enroll.add_argument("run_folder", metavar="RUN")
    enroll.add_argument("folder", metavar="FOLDER", help="one folder for each identity")
    _add_json(enroll)
    enroll.set_defaults(run=_enroll, parser=enroll)

    chat = verbs.add_parser("chat", help="talk with a language model, or let it go on with a text")
    chat.add_argument("run_folder", metavar="RUN")
    chat.add_argument("--prompt", metavar="TEXT", help="say one answer and end")
    chat.add_argument("--tokens", type=int, default=200, help="most tokens of an answer")
    chat.add_argument(
        "--temperature", type=float, default=0.8, help="0: always the likeliest; more: bolder"
    )
    chat.add_argument(
        "--top-p", type=float, default=0.95, help="draw among the likeliest of this share"
    )
    chat.add_argument("--seed", type=int, default=0, help="same seed, same answer")
    chat.add_argument(
        "--stop", metavar="WORDS", action="append", default=[], help="end before these words"
    )
    _add_json(chat)
    chat.set_defaults(run=_chat, parser=chat)

    check = verbs.add_parser("check", help="what would be learned from this data, without learning")
    check.add_argument("source")
    check.add_argument("--target", help="column to predict")
    check.add_argument("--test", metavar="SOURCE", help="a second source that is only for the exam")
    _add_settings(check)
    _add_json(check)
    check.set_defaults(run=_check, parser=check)

    report = verbs.add_parser("report", help="write a run's report.html again")
    report.add_argument("run_folder", metavar="RUN")
    report.add_argument(
        "--out", metavar="FILE", help="where to write it (default: RUN/report.html)"
    )
    report.set_defaults(run=_report, parser=report)

    study = verbs.add_parser(
        "study",
        help="how far to trust a run: sureness, overfitting, wrong labels, ...",
    )
    study.add_argument("run_folder", metavar="RUN")
    study.add_argument("parts", metavar="PART", nargs="*", help="what to study (default: all)")
    study.add_argument("--time", default="30s", help="about how long one part may take")
    study.add_argument("--again", action="store_true", help="compute anew what is known already")
    _add_json(study)
    study.set_defaults(run=_study, parser=study)

    step = verbs.add_parser("step", help="one training step by hand: every number, checked")
    step.add_argument("run_folder", metavar="RUN")
    step.add_argument(
        "--at", metavar="STEP", help="updates before it (default: the last kept), or final"
    )
    step.add_argument(
        "--example", type=int, metavar="N", help="place in the batch of the example to follow"
    )
    step.add_argument(
        "--zoom", metavar="PATH", help="a layer NAME, a unit NAME[3] or one weight NAME[3,5]"
    )
    step.add_argument("--time", default="20s", help="how long repeating the run up to it may take")
    _add_json(step)
    step.set_defaults(run=_step, parser=step)

    studio = verbs.add_parser("studio", help="watch runs in the browser, live and afterwards")
    studio.add_argument(
        "paths",
        metavar="RUN",
        nargs="*",
        help="runs, or a folder of runs (default: the current folder)",
    )
    studio.add_argument("--port", type=int, help="port on this machine (default: 8710 if free)")
    studio.add_argument(
        "--no-browser", action="store_true", help="print the address and open nothing"
    )
    studio.add_argument(
        "--attached",
        action="store_true",
        help="close when standard input ends, for programs that start the studio",
    )
    studio.set_defaults(run=_studio, parser=studio)

    demo = verbs.add_parser("demo", help="run a built-in example; without NAME: list them")
    demo.add_argument("name", metavar="NAME", nargs="?")
    _add_settings(demo)
    demo.add_argument("--out", metavar="RUN", help="folder for the run (default: NAME.run)")
    _add_watch(demo)
    _add_json(demo)
    demo.set_defaults(run=_demo, parser=demo)
    return top


def _add_settings(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--time", help="time for the whole job, such as 90s, 3m or 1h")
    verb.add_argument("--effort", default="normal", help="quick, normal or thorough")
    verb.add_argument("--seed", type=int, default=0, help="same seed, same plan: same weights")
    verb.add_argument(
        "--network", default="auto", help="auto, mlp, tabm, cnn, ngrams, rnn, transformer"
    )
    verb.add_argument(
        "--task",
        default="auto",
        help="auto, classify, tags, grades, regress; or forecast, recommend, generate, translate, "
        "detect, verify, anomaly, map",
    )
    verb.add_argument(
        "--as",
        dest="kinds",
        metavar="COLUMN=KIND",
        action="append",
        default=[],
        help="read a column as number, category, date, text, image, audio, series, words or "
        "ignore; the target as grades: 'risk=calm<alert<alarm', the lowest first; "
        "recommendations: user, item, rating, time or ignore",
    )
    verb.add_argument(
        "--ignore", metavar="COLUMN", action="append", default=[], help="leave a column out"
    )
    verb.add_argument("--group", metavar="COLUMN", help="keep rows of equal value on one side")
    verb.add_argument("--order", metavar="COLUMN", help="times: the exam is then the latest part")
    verb.add_argument("--split", metavar="COLUMN", help="column that says train, valid or test")
    verb.add_argument(
        "--unlabelled",
        choices=("auto", "use", "ignore"),
        default="auto",
        help="rows without an answer: use them to begin with, or not (default: if very many)",
    )
    verb.add_argument(
        "--start",
        metavar="FOLDER",
        help="language models: start from a local model in Hugging Face's layout",
    )
    verb.add_argument(
        "--horizon", type=int, metavar="STEPS", help="forecasts: how many steps into the future"
    )
    verb.add_argument(
        "--known",
        metavar="COLUMN",
        action="append",
        default=[],
        help="forecasts: a column whose future is known beforehand, such as holidays",
    )
    verb.add_argument(
        "--missing",
        metavar="WORD",
        action="append",
        default=[],
        help="a word that means 'no value'",
    )
    verb.add_argument(
        "--without", metavar="FILE", help="leave out the rows named in a table (place or row)"
    )
    verb.add_argument(
        "--keep", default="network", help="network, or best: it, the classical method or both"
    )
    verb.add_argument(
        "--keep-going",
        action="store_true",
        help="learn although more than a tenth of the rows can't be used",
    )
    verb.add_argument("--no-record", action="store_true", help="write no looks at the inside")
    verb.add_argument(
        "--no-pretrained", action="store_true", help="don't start from installed pretrained weights"
    )


def _add_watch(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--watch", action="store_true", help="show the run in the browser meanwhile")


def _add_json(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="answer in JSON on standard output")


def settings_from(options: argparse.Namespace) -> Settings:
    """The settings that the user typed."""
    kinds = {}
    for item in options.kinds:
        name, equals, kind = item.rpartition("=")
        if not equals:
            raise ConfigError(
                f"'{item}' does not say what to read the column as",
                where="--as",
                fix="write COLUMN=KIND, such as --as rating=category",
            )
        kinds[name] = kind
    return Settings(
        target=getattr(options, "target", None),
        time=None if options.time is None else seconds_of(options.time),
        effort=options.effort,
        seed=options.seed,
        network=options.network,
        kinds=kinds,
        task=options.task,
        group=options.group,
        order=options.order,
        split=options.split,
        ignore=tuple(options.ignore),
        keep=options.keep,
        keep_going=options.keep_going,
        record=not options.no_record,
        missing=tuple(options.missing),
        pretrained=not options.no_pretrained,
        without=_left_out(options),
        unlabelled=options.unlabelled,
        start=options.start,
        horizon=options.horizon,
        known=tuple(options.known),
    )


def _left_out(options: argparse.Namespace) -> LeftOut | None:
    """The rows that the user leaves out; compared with the run that listed or planned them."""
    if options.without is None:
        return None
    from pellucid.data.left_out import read_left_out

    return read_left_out(options.without, getattr(options, "plan", None))


# --- verbs ----------------------------------------------------------------------------------


def _learn(options: argparse.Namespace) -> int:
    return _job(
        options,
        options.source,
        settings_from(options),
        options.test,
        options.out,
        plan=options.plan,
        report=not options.no_report,
        paused=options.paused,
    )


def _demo(options: argparse.Namespace) -> int:
    from pellucid.interfaces import demo

    if options.name is None:
        demo.show_list(as_json=options.json)
        return 0
    source, target = demo.source_of(options.name)
    options.target = target
    plan = demo.plan_of(options.name, source)
    return _job(
        options,
        source,
        settings_from(options),
        None,
        options.out or f"{options.name}.run",
        plan=None if plan is None else str(plan),
    )


def _job(
    options: argparse.Namespace,
    source: Any,
    settings: Settings,
    test: Any,
    out: str | None,
    *,
    plan: str | None = None,
    report: bool = True,
    paused: bool = False,
) -> int:
    from pellucid.interfaces import api

    return _watched(
        options,
        lambda watcher: api.learn_with(
            source,
            settings,
            watcher,
            test=test,
            out=out,
            plan_of=plan,
            report=report,
            paused=paused,
        ),
    )


def _resume(options: argparse.Namespace) -> int:
    from pellucid.interfaces import api

    return _watched(options, lambda watcher: api.resume_with(options.run_folder, watcher))


def _watched(options: argparse.Namespace, job: Callable[[Watcher], Trained]) -> int:
    """Do a job that learns, in the terminal and with --watch in the browser too."""
    from pellucid.interfaces.show import show_result
    from pellucid.interfaces.studio.launch import Beside
    from pellucid.interfaces.terminal import Terminal

    with Beside(wanted=options.watch) as studio:
        with Terminal(began=studio.open) as watcher:
            run = job(watcher)
        if options.json:
            print(json.dumps(run.result(), ensure_ascii=False), flush=True)
        else:
            show_result(run)
        studio.stay()
    return INTERRUPTED if run.status == "interrupted" else 0


def _show(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pellucid.interfaces.show import show_run, show_runs
    from pellucid.recording.run import Run, list_runs

    if options.run_folder is None:
        runs = list_runs(Path.cwd())
        if options.json:
            print(json.dumps([run.info for run in runs], ensure_ascii=False))
        else:
            show_runs(runs)
        return 0
    run = Run(options.run_folder)
    if options.json:
        print(json.dumps(run.info, ensure_ascii=False))
    else:
        show_run(run)
    return 0


def _predict(options: argparse.Namespace) -> int:
    from pellucid.interfaces.predict import predict_sources, readable_of, write_answers

    lines = predict_sources(options.run_folder, options.sources, options.model, options.sure)
    readable = readable_of(options.run_folder)
    write_answers(lines, as_json=options.json, out=options.out, readable=readable)
    return 0


def _recommend(options: argparse.Namespace) -> int:
    from pellucid.interfaces.recommend import recommend, show

    found = recommend(
        options.run_folder, options.user, options.top, options.model, options.liked or ()
    )
    show(found, as_json=options.json)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from pellucid.export.bundle import Bundle
    from pellucid.uses.answerers import use_of

    if use_of(options.run_folder):
        return _explain_use(options)
    from pellucid.interfaces.explain import explain_source, show_explained, source_typed
    from pellucid.interfaces.terminal import Terminal

    bundle = Bundle.load_from(options.run_folder)
    with Terminal() as watcher:
        page = explain_source(
            options.run_folder,
            bundle,
            source_typed(bundle, options.sources),
            watcher,
            row=options.row,
            name=options.name,
            model=options.model,
            seconds=None if options.time is None else seconds_of(options.time),
        )
    if options.html is not None:
        from pellucid.interfaces.report.explained import write_page

        write_page(page, options.html)
    if options.json:
        print(json.dumps(page.as_json(), ensure_ascii=False), flush=True)
    elif options.html is None:
        show_explained(page)
    else:
        print(f"page     {options.html}")
    return 0


def _explain_use(options: argparse.Namespace) -> int:
    """Why a model of a use answers so: a finding, like those of the report."""
    from pellucid.interfaces.findings import show_finding
    from pellucid.uses.answerers import load_answerer

    refused = ((options.html, "--html"), (options.name, "--class"), (options.model, "--model"))
    for given, option in refused:
        if given is not None:
            raise ConfigError(
                f"{option} is for models that answer with a class or a number",
                where=f"pellucid explain {options.run_folder}",
                fix=f"leave out {option}; --json has everything that is shown",
            )
    seconds = 2.0 if options.time is None else seconds_of(options.time)
    source = options.sources[0] if len(options.sources) == 1 else options.sources
    finding = load_answerer(options.run_folder).explain(source, options.row or 0, seconds)
    if options.json:
        print(json.dumps(finding.as_json(), ensure_ascii=False), flush=True)
    else:
        show_finding(finding)
    return 0


def _chat(options: argparse.Namespace) -> int:
    from pellucid.interfaces.chat import chat
    from pellucid.uses.generate.sampling import Manner

    manner = Manner(
        tokens=options.tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        stop=tuple(options.stop),
    )
    chat(options.run_folder, options.prompt, manner, as_json=options.json)
    return 0


def _enroll(options: argparse.Namespace) -> int:
    from pellucid.interfaces.enroll import enroll, show_enrolled

    found = enroll(options.run_folder, options.folder)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_enrolled(found)
    return 0


def _check(options: argparse.Namespace) -> int:
    from pellucid.interfaces.check import check, show_check

    found = check(options.source, settings_from(options), options.test)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_check(found)
    return 0


def _study(options: argparse.Namespace) -> int:
    from pellucid.interfaces.findings import show_finding
    from pellucid.interfaces.report import write_report
    from pellucid.interfaces.terminal import Terminal
    from pellucid.interfaces.trained import Trained
    from pellucid.uses.study import study

    seconds = seconds_of(options.time)
    with Terminal() as watcher:
        for finding in study(
            options.run_folder, options.parts, watcher, seconds=seconds, again=options.again
        ):
            if options.json:
                print(json.dumps(finding.as_json(), ensure_ascii=False), flush=True)
            else:
                show_finding(finding)
        watcher.stage("writing the report")
        write_report(Trained(options.run_folder))
    return 0


def _step(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pellucid.interfaces.step import show_step
    from pellucid.interfaces.terminal import Terminal
    from pellucid.uses.next_step import next_step

    with Terminal() as watcher:
        receipt = next_step(
            options.run_folder,
            watcher,
            at=options.at,
            example=options.example,
            zoom=options.zoom,
            seconds=seconds_of(options.time),
        )
    if options.json:
        print(json.dumps(receipt.as_json(), ensure_ascii=False))
    else:
        show_step(receipt, Path(options.run_folder).name)
    return 0


def _studio(options: argparse.Namespace) -> int:
    from pellucid.interfaces.studio.launch import open_studio

    return open_studio(
        options.paths,
        port=options.port,
        browser=not options.no_browser,
        attached=options.attached,
    )


def _report(options: argparse.Namespace) -> int:
    from pellucid.interfaces.report import write_report
    from pellucid.recording.run import Run

    print(write_report(Run(options.run_folder), options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
