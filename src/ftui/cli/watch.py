"""`ftui watch`"""

from __future__ import annotations

import argparse
import time

from ftui import queue
from ftui.cli.common import ProgressLine, open_store, print_json, until_finished
from ftui.errors import InputError
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.units import duration


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", help="its name, tag or the provider's id (default: the last one)")
    parser.add_argument("--json", action="store_true", help="print events and metrics as JSON, one a line")
    parser.add_argument("--cancel", action="store_true", help="cancel the job")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        jobs = store.jobs.all()
        if not jobs:
            raise InputError("There is no job", "nothing was trained in this project", "Start one: ftui train")
        job = store.jobs.find(options.job) if options.job else jobs[0]
        if options.cancel:
            queue.cancel_job(store, job.id)
        elif not job.ended or queue.unanswered(store, job):
            queue.watch(store, job.id)
        ended = follow_job(store, job.id, as_json=options.json)
        if not options.json:
            print(f"{ended.name}: {ended.state}" + (f", {ended.fine_tuned_model}" if ended.fine_tuned_model else ""))
        return 0 if ended.state == "succeeded" or options.cancel else 1


def follow_job(store: Store, job_id: int, *, as_json: bool = False) -> Job:
    """Show a job's events and losses until it ends; gives it as it ended.

    Raises:
        FtuiError: it failed, or the watch of it did.
    """
    line = ProgressLine(quiet=as_json)
    events, steps = set[str](), 0
    task = queue.task_of(store, job_id)
    for now in until_finished(store, task.id) if task else ():
        task = now
        job = store.jobs.get(job_id)
        for event in store.jobs.events(job_id):
            if event.id in events:
                continue
            events.add(event.id)
            if as_json:
                print_json({"event": event.type, "level": event.level, "message": event.message, "time": event.time})
            else:
                line.end()
                print(f"{time.strftime('%H:%M:%S', time.localtime(event.time))}  {event.message}")
        metrics = store.jobs.metrics(job_id)
        for metric in metrics[steps:] if as_json else ():
            print_json(
                {
                    "event": "metrics",
                    "step": metric.step,
                    "total_steps": job.total_steps,
                    "train_loss": metric.train_loss,
                    "valid_loss": metric.valid_loss,
                }
            )
        steps = len(metrics)
        line.show(_line(job, metrics[-1].train_loss if metrics else None, task.progress.text))
    line.end()
    job = store.jobs.get(job_id)
    error = job.error or (task.error if task else None)
    if as_json:
        print_json(
            {
                "event": job.state,
                "job": job.name,
                "remote": job.remote,
                "model": job.fine_tuned_model,
                "trained_tokens": job.trained_tokens,
                "error": error.as_dict() if error else None,
            }
        )
    if error is not None:
        raise error
    return job


def _line(job: Job, loss: float | None, doing: str) -> str:
    parts = [f"{job.name}: {job.state if job.remote else doing or job.state}"]
    if job.step and job.total_steps:
        parts.append(f"step {job.step} of {job.total_steps}")
    if loss is not None:
        parts.append(f"loss {loss:.3f}")
    if job.estimated_finish and not job.ended:
        parts.append(f"{duration(job.estimated_finish - time.time())} left")
    return ", ".join(parts)
