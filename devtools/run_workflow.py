"""
Runs one workflow that the page saved, on a server, and tells where its files are.

It runs inside the environment, by its path: unlike the rest of this folder it needs comfy-cli and aiohttp, and imports
nothing from beside it.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import aiohttp
from comfy_cli.workflow_to_api import WorkflowConversionError, convert_ui_to_api

SECONDS_BETWEEN_LINES = 2.0
LONGEST_RUN_SECONDS = 1800


class WorkflowError(Exception):
    """The workflow did not run to its end; the text is one line that names the node."""


def convert_workflow(workflow: dict, object_info: dict) -> dict:
    """
    The prompt that the page would send for a graph.

    Args:
        workflow: what the page saves.
        object_info: what the server tells about its nodes.
    """
    try:
        return convert_ui_to_api(workflow, object_info)
    except WorkflowConversionError as error:
        raise WorkflowError(f"the workflow cannot be read: {error}") from error


def queue_and_wait(
    base_url: str, prompt: dict, timeout: float, tell: Callable[[str], None] = lambda line: None
) -> dict:
    """
    Runs a prompt to its end.

    Args:
        base_url: of the server, without a slash at the end.
        prompt: as from `convert_workflow`.
        timeout: longest time in seconds.
        tell: takes a line whenever there is progress.

    Returns:
        The entry in the server's history: `outputs` by node id, `status`.

    Raises:
        WorkflowError: the server refused the prompt, a node failed, or it took too long.
    """
    try:
        return asyncio.run(asyncio.wait_for(_queue_and_wait(base_url, prompt, tell), timeout))
    except asyncio.TimeoutError:
        raise WorkflowError(f"the workflow did not end within {timeout:g} s") from None
    except aiohttp.ClientError as error:
        raise WorkflowError(f"the server at {base_url} does not answer: {error}") from error


async def _queue_and_wait(base_url: str, prompt: dict, tell: Callable[[str], None]) -> dict:
    client = uuid.uuid4().hex
    async with (
        aiohttp.ClientSession(base_url) as session,
        session.ws_connect(f"/ws?clientId={client}", max_msg_size=0) as channel,
    ):
        async with session.post("/prompt", json={"prompt": prompt, "client_id": client}) as answer:
            accepted = await answer.json()
            if answer.status != 200:
                raise WorkflowError(_refusal(accepted, prompt))
        prompt_id = accepted["prompt_id"]
        await _follow(channel, prompt_id, Progress(prompt, tell))
        async with session.get(f"/history/{prompt_id}") as answer:
            entry = (await answer.json())[prompt_id]
    for event, detail in entry["status"]["messages"]:
        if event == "execution_error":
            message = " ".join(detail["exception_message"].split())
            raise WorkflowError(f"{_title(prompt, detail['node_id'])}: {message}")
    if entry["status"]["status_str"] != "success":
        raise WorkflowError(f"the workflow ended with {entry['status']['status_str']}")
    return entry


async def _follow(channel: aiohttp.ClientWebSocketResponse, prompt_id: str, progress: "Progress") -> None:
    """Until `executing` with node null: `execution_success` comes before there is a history entry."""
    async for message in channel:
        if message.type != aiohttp.WSMsgType.TEXT:
            continue  # a preview
        event = json.loads(message.data)
        data = event["data"]
        if data.get("prompt_id") != prompt_id:
            continue
        if event["type"] == "executing":
            if data["node"] is None:
                return
            progress.begin(data["node"])
        elif event["type"] == "progress":
            progress.step(data["node"], data["value"], data["max"])
    raise WorkflowError("the server ended before the workflow did")


class Progress:
    """Turns the server's events into lines, not too many of them."""

    def __init__(self, prompt: dict, tell: Callable[[str], None]) -> None:
        self._prompt = prompt
        self._tell = tell
        self._begun = 0
        self._last_line = 0.0

    def begin(self, node: str) -> None:
        """A node starts."""
        self._begun += 1
        self._say(f"{self._begun} of {len(self._prompt)}: {_title(self._prompt, node)}")

    def step(self, node: str, value: float, maximum: float) -> None:
        """A node says how far it is."""
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._say(f"   {_title(self._prompt, node)}: {value:g} of {maximum:g}")

    def _say(self, line: str) -> None:
        self._tell(line)
        self._last_line = time.monotonic()


def _title(prompt: dict, node: str) -> str:
    known = prompt.get(node, {})
    return known.get("_meta", {}).get("title") or known.get("class_type") or f"node {node}"


def _refusal(answer: dict, prompt: dict) -> str:
    """Every complaint of the server about a prompt, in one line."""
    complaints = [
        f"{_title(prompt, node)}: {error['details'] or error['message']}"
        for node, report in answer.get("node_errors", {}).items()
        for error in report["errors"]
    ]
    return " ".join("; ".join(complaints or [answer["error"]["message"]]).split())


async def _object_info(base_url: str) -> dict:
    async with aiohttp.ClientSession(base_url) as session, session.get("/object_info") as answer:
        return await answer.json()


def results(entry: dict, prompt: dict, output_folder: Path) -> list[str]:
    """A line for each saved file, with its whole path, and for each shown text."""
    lines = []
    for node, outputs in entry["outputs"].items():
        for item in (item for items in outputs.values() for item in items):
            if isinstance(item, dict) and item.get("type") == "output":
                lines.append(f"{_title(prompt, node)}: {output_folder / item['subfolder'] / item['filename']}")
            elif isinstance(item, str):
                lines.append(f"{_title(prompt, node)}: {item}")
    return lines


def main() -> int:
    """Runs the workflow that the command line names; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workflow", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the server's output folder")
    options = parser.parse_args()

    def tell(line: str) -> None:
        print(line, flush=True)

    try:
        workflow = json.loads(options.workflow.read_text(encoding="utf-8"))
        prompt = convert_workflow(workflow, asyncio.run(_object_info(options.url)))
        entry = queue_and_wait(options.url, prompt, LONGEST_RUN_SECONDS, tell)
    except WorkflowError as failure:
        print(f"{options.workflow.name} failed at {failure}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        return 130
    for line in results(entry, prompt, options.output):
        tell(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
