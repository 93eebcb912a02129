"""One real ComfyUI server in its own process; tests talk to it only by HTTP and websocket."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import numpy as np
import pytest
import requests
import torch
import websocket
from PIL import Image
from project_paths import HARNESS, ROOT
from workflow_graphs import is_saved_by_page, to_prompt

# What an unpacked zip of the repository is called: not a Python name. (Host and page themselves do not serve the files
# of folders with a blank or a dot in their name.)
PACK_FOLDER = "ComfyUI-Inbetween-main"
NOT_INSTALLED = (".*", "tests", "__pycache__", "build", "dist", "*.egg-info")

# So long that only a server that hangs gets there, however busy the machine is.
START_SECONDS = 900
RUN_SECONDS = 1200
ANSWER_SECONDS = 300


class PromptRefused(Exception):  # noqa: N818 - what happened, as tests read it
    """The host's validation did not accept the prompt; `node_errors` as the page gets them."""

    def __init__(self, answer: dict) -> None:
        super().__init__(json.dumps(answer, indent=1))
        self.node_errors: dict = answer.get("node_errors", {})

    @property
    def messages(self) -> list[str]:
        """The text of every error, in the order of the nodes."""
        return [error["details"] for node in self.node_errors.values() for error in node["errors"]]


class RunFailed(Exception):  # noqa: N818
    """A node raised an error; `message` is the text the page shows."""

    def __init__(self, failure: dict) -> None:
        self.node_type: str = failure.get("node_type", "")
        self.message: str = failure.get("exception_message", "").strip()
        super().__init__(f"{self.node_type}: {self.message}\n" + "".join(failure.get("traceback", [])))


@dataclass(frozen=True)
class OutputFile:
    """A file that the server made, under the three names it is asked for by."""

    filename: str
    subfolder: str
    type: str


class ComfyServer:
    """
    A server on a free port of this machine, with its folders below `base_directory`.

    The pack is copied into `custom_nodes` as a user would install it, and the test pack beside it.
    """

    def __init__(self, comfyui: Path, base_directory: Path) -> None:
        self.base_directory = base_directory
        self.log_file = base_directory / "server.log"
        for folder in ("models", "input", "output", "temp", "user"):
            (base_directory / folder).mkdir(parents=True)
        custom_nodes = base_directory / "custom_nodes"
        shutil.copytree(ROOT, custom_nodes / PACK_FOLDER, ignore=shutil.ignore_patterns(*NOT_INSTALLED))
        shutil.copytree(HARNESS / "test_pack", custom_nodes / "test_pack")
        self.executed: list[str] = []  # the nodes that the last run did not take from the host's cache
        self.progress: dict[str, list[tuple[int, int]]] = {}  # value and end of their progress bars in the last run
        self._port = _free_port()
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy that the environment names is not meant for this machine
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = self.log_file.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-u", "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self._port)),
                *("--base-directory", str(base_directory), "--database-url", "sqlite:///:memory:"),
                *("--disable-auto-launch", "--disable-api-nodes", "--preview-method", "none"),
            ],
            cwd=comfyui,
            env=os.environ | {"PYTHONPATH": str(HARNESS), "HF_HUB_OFFLINE": "1"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> "ComfyServer":
        try:
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server, by force if it does not listen."""
        self._http.close()
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def log(self, last: int = 6000) -> str:
        """The last characters of what the server printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-last:]

    def get(self, path: str, **query: str) -> requests.Response:
        """Answer to a GET; raises requests.HTTPError for anything but success."""
        answer = self._http.get(self.url + path, params=query, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        return answer

    def post(self, path: str, value: object) -> requests.Response:
        """Answer to a value posted as JSON, whatever its status; NaN goes through, as the page lets it."""
        headers = {"Content-Type": "application/json"}
        return requests.post(self.url + path, data=json.dumps(value), headers=headers, timeout=ANSWER_SECONDS)

    @cached_property
    def object_info(self) -> dict:
        """What the server tells the page about every node."""
        return self.get("/object_info").json()

    def upload(self, file: Path) -> None:
        """Puts a file into the server's input folder, as the page does when an image is dropped on Load Image."""
        parts = {"image": (file.name, file.read_bytes()), "overwrite": (None, "true")}
        stored = self._http.post(f"{self.url}/upload/image", files=parts, timeout=ANSWER_SECONDS).json()
        assert stored["name"] == file.name, stored
        self.__dict__.pop("object_info", None)  # lists the input files

    def offer_model(self, file: Path, folder: str, published_name: str) -> None:
        """Lets the host find a tiny model under the file name that a shipped workflow asks for."""
        target = self.base_directory / "models" / folder / published_name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        self.__dict__.pop("object_info", None)

    def run(self, workflow: dict) -> dict[str, dict]:
        """
        Runs a workflow as saved by the page, or a prompt, to its end.

        Returns:
            What each output node reported, by node id: {"images": [...]} and the like.

        Raises:
            PromptRefused: the validation of the host or of a node refused it.
            RunFailed: a node raised an error.
        """
        prompt = to_prompt(workflow, self.object_info) if is_saved_by_page(workflow) else workflow
        client = uuid.uuid4().hex
        channel = websocket.create_connection(f"ws://127.0.0.1:{self._port}/ws?clientId={client}", timeout=RUN_SECONDS)
        try:
            answer = self.post("/prompt", {"prompt": prompt, "client_id": client})
            if answer.status_code != 200 or answer.json()["node_errors"]:  # some outputs may run without the others
                raise PromptRefused(answer.json())
            prompt_id = answer.json()["prompt_id"]
            self._wait_until_done(channel, prompt_id)
        finally:
            channel.close()
        entry = self.get(f"/history/{prompt_id}").json()[prompt_id]
        for event, detail in entry["status"]["messages"]:
            if event == "execution_error":
                raise RunFailed(detail)
        assert entry["status"]["status_str"] == "success", entry["status"]
        return entry["outputs"]

    def failure_of(self, workflow: dict) -> RunFailed:
        """The error that a run ends with, which must be of one line."""
        with pytest.raises(RunFailed) as failed:
            self.run(workflow)
        assert "\n" not in failed.value.message
        return failed.value

    def _wait_until_done(self, channel: websocket.WebSocket, prompt_id: str) -> None:
        """Until `executing` with node null: `execution_success` comes before there is a history entry."""
        end, self.executed, self.progress = time.monotonic() + RUN_SECONDS, [], {}
        while time.monotonic() < end:
            message = channel.recv()
            if isinstance(message, bytes):
                continue
            event = json.loads(message)
            told = event["data"]
            if told.get("prompt_id") != prompt_id:
                continue
            if event["type"] == "executing" and told["node"] is None:
                return
            if event["type"] == "executing":
                self.executed.append(told["node"])
            elif event["type"] == "progress":
                self.progress.setdefault(told["node"], []).append((told["value"], told["max"]))
        raise TimeoutError(f"the prompt did not end within {RUN_SECONDS} s")

    def read(self, file: OutputFile) -> bytes:
        """A file of the server's output or temp folder."""
        return self.get("/view", filename=file.filename, subfolder=file.subfolder, type=file.type).content

    def image(self, file: OutputFile) -> torch.Tensor:
        """An image as image_HWC in [0, 1]."""
        with Image.open(io.BytesIO(self.read(file))) as image:
            return torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255)

    def video(self, file: OutputFile) -> tuple[torch.Tensor, float]:
        """A video as frames_THWC in [0, 1], and its frames per second."""
        with av.open(io.BytesIO(self.read(file))) as container:
            stream = container.streams.video[0]
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            return torch.from_numpy(np.stack(frames).astype(np.float32) / 255), float(stream.average_rate)

    def _wait_until_up(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with {self._process.returncode}:\n{self.log()}")
            try:
                self.get("/system_stats")
                return
            except requests.RequestException:
                time.sleep(0.2)  # there is no event to wait for: nothing listens yet
        raise TimeoutError(f"the server did not answer within {START_SECONDS} s:\n{self.log()}")


def files(outputs: dict[str, dict], suffixes: Sequence[str]) -> list[OutputFile]:
    """The files with one of these endings among what a run reported, in the order of the nodes."""
    return [
        OutputFile(item["filename"], item["subfolder"], item["type"])
        for node in outputs.values()
        for items in node.values()
        for item in items
        if isinstance(item, dict) and str(item.get("filename", "")).endswith(tuple(suffixes))
    ]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
