"""
A client for a running ComfyUI: open a graph, set its inputs by name, run it, fetch its files.

    server = Server("http://127.0.0.1:8188")
    graph = server.open("workflows/quickstart.json")
    graph["First keyframe"] = "shots/010_a.png"
    graph["Keyframes.frame_count"] = 49
    result = server.run(graph, print)
    result.save("renders")

It needs the packages of comfy-cli: `pip install comfy-cli`. It connects only to the server at the given URL.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
import websocket
from comfy_cli.workflow_to_api import WorkflowConversionError, convert_ui_to_api, is_api_format

SECONDS_TO_ANSWER = 60
SECONDS_BETWEEN_LOOKS = 1.0  # how often the timeout is checked while the server sends nothing
SECONDS_BETWEEN_LINES = 2.0
UPLOADS = ("image_upload", "audio_upload", "video_upload")
VALUES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"


class GraphError(Exception):
    """The graph, a name or a value is wrong; running it again unchanged does not help."""


class RunError(Exception):
    """A node failed, was interrupted, or took too long; the message begins with the node's title."""


class ServerError(Exception):
    """The server does not answer, or the connection was lost; running again later may help."""


class Graph:
    """
    A graph in the format that the server runs, with its values accessible by name.

    A name is `TITLE.input`, with the node's title as the page shows it, or `TITLE` alone for the node's first value:
    `Prompt`, `First keyframe`, `Keyframes.frame_count`. `#12.seed` names a node by its number.
    """

    def __init__(self, prompt: dict, object_info: dict, upload: Callable[[Path], str]) -> None:
        self.prompt = prompt
        self._object_info = object_info
        self._upload = upload

    def values(self) -> dict[str, object]:
        """Every value that can be set, by name, or by number where titles repeat. [node, output] is a link."""
        titles = {node: self.title(node) for node in self.prompt}
        often = {title for title, count in Counter(titles.values()).items() if count > 1}
        return {
            f"{f'#{node}' if title in often else title}.{key}": self.prompt[node]["inputs"][key]
            for node, title in titles.items()
            for key in self._values_of(node)
        }

    def title(self, node: str) -> str:
        """The title that the page shows above a node."""
        known = self.prompt.get(node, {})
        return known.get("_meta", {}).get("title") or known.get("class_type") or f"node {node}"

    def __setitem__(self, name: str, value: object) -> None:
        """
        Set a value. If the input takes an image, a sound or a video, a local file is uploaded.

        Raises:
            GraphError: no such node or value, several nodes with the title, or a value of the wrong type.
        """
        node, key = self._find(name)
        kind, options = self._spec(node, key)
        if any(options.get(each) for each in UPLOADS) and Path(str(value)).is_file():
            value = self._upload(Path(str(value)))
        self.prompt[node]["inputs"][key] = _of_kind(name, kind, value)

    def _find(self, name: str) -> tuple[str, str]:
        found = []
        for node in self.prompt:
            for title in {self.title(node), f"#{node}"}:
                if name == title or name.startswith(f"{title}."):
                    found.append((len(title), node, name[len(title) + 1 :]))
        longest = max((length for length, _, _ in found), default=0)
        nodes = [(node, key) for length, node, key in found if length == longest]
        if not nodes:
            titles = ", ".join(sorted({self.title(node) for node in self.prompt if self._values_of(node)}))
            raise GraphError(f'"{name}": no node has that title; the titles are {titles}.')
        if len(nodes) > 1:
            numbers = ", ".join(f"#{node}" for node, _ in nodes)
            raise GraphError(f'"{name}": {len(nodes)} nodes have that title; name one by its number: {numbers}.')
        (node, key) = nodes[0]
        values = self._values_of(node)
        if not key and values:
            return node, values[0]
        if key not in values:
            has = ", ".join(values) or "no values, only sockets"
            raise GraphError(f'"{name}": {self.title(node)} has no value "{key}"; it has {has}.')
        return node, key

    def _values_of(self, node: str) -> list[str]:
        """The inputs of a node that take a value, linked or not."""
        inputs = self.prompt[node]["inputs"]
        return [key for key in inputs if self._spec(node, key)[0] in (*VALUES, DYNAMIC)]

    def _spec(self, node: str, key: str) -> tuple[str, dict]:
        """The type of an input and its options, also inside a dynamic combo; "" for a socket."""
        about = self._object_info.get(self.prompt[node]["class_type"], {}).get("input", {})
        specs = {name: spec for part in ("required", "optional") for name, spec in about.get(part, {}).items()}
        return _spec_within(specs, key.split("."), self.prompt[node]["inputs"], "")


def _spec_within(specs: dict, path: list[str], inputs: dict, before: str) -> tuple[str, dict]:
    spec = specs.get(path[0])
    if not spec:
        return "", {}
    kind, options = spec[0], spec[1] if len(spec) > 1 else {}
    if len(path) == 1:
        return ("COMBO" if isinstance(kind, list) else kind), options
    place = f"{before}{path[0]}"
    for option in options.get("options", []):
        if isinstance(option, dict) and option["key"] == inputs.get(place):
            inner = {name: each for part in option["inputs"].values() for name, each in part.items()}
            return _spec_within(inner, path[1:], inputs, f"{place}.")
    return "", {}


def _of_kind(name: str, kind: str, value: object) -> object:
    """A value in the type that the server expects; text from the command line becomes a number where needed."""
    try:
        if kind == "BOOLEAN":
            return {"true": True, "false": False}[str(value).lower()]
        if kind == "INT":
            return int(str(value))
        if kind == "FLOAT":
            return float(str(value))
    except (KeyError, ValueError):
        asked = {"BOOLEAN": "true or false", "INT": "a whole number", "FLOAT": "a number"}[kind]
        raise GraphError(f'"{name}": {value!r} is not {asked}.') from None
    return value if isinstance(value, (str, bool, int, float)) else str(value)


@dataclass(frozen=True)
class Result:
    """The output of a run. files: as the server names them; texts: the texts shown by nodes, with their titles."""

    server: "Server"
    files: tuple[dict, ...]
    texts: tuple[tuple[str, str], ...]

    def save(self, folder: str | Path) -> list[Path]:
        """Fetch every file into a folder and keep the server's subfolders; existing files are replaced."""
        return list(self._saved(Path(folder)))

    def _saved(self, folder: Path) -> Iterator[Path]:
        for file in self.files:
            place = folder / file["subfolder"] / file["filename"]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.server.fetch(file))
            yield place


class Server:
    """A running ComfyUI."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False  # do not send requests to this server through a proxy from the environment

    def open(self, file: str | Path) -> Graph:
        """
        Open a graph from a file that the page saved or exported for the API.

        Raises:
            GraphError: the file is not a graph, or needs nodes that the server does not have.
            ServerError: the server does not answer.
        """
        try:
            workflow = json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise GraphError(f"{file} cannot be read: {error}") from error
        return self.graph(workflow)

    def graph(self, workflow: dict) -> Graph:
        """Like `open`, for a graph that is already in memory."""
        object_info = self._get("/object_info").json()
        try:
            prompt = workflow if is_api_format(workflow) else convert_ui_to_api(workflow, object_info)
        except WorkflowConversionError as error:
            raise GraphError(f"the graph cannot be read: {error}") from error
        missing = sorted({node["class_type"] for node in prompt.values()} - object_info.keys())
        if missing:
            raise GraphError(f"the server lacks the nodes {', '.join(missing)}; install the packs that provide them.")
        return Graph(prompt, object_info, self.upload)

    def upload(self, file: Path) -> str:
        """Upload a file to the server's input folder; returns its name there, which differs if the name was taken."""
        with file.open("rb") as content:
            stored = self._ask("POST", "/upload/image", files={"image": (file.name, content)}).json()
        return "/".join(filter(None, (stored["subfolder"], stored["name"])))

    def fetch(self, file: dict) -> bytes:
        """The content of a file from a run."""
        return self._get("/view", **{key: file[key] for key in ("filename", "subfolder", "type")}).content

    def run(
        self, graph: Graph, tell: Callable[[str], None] = lambda line: None, timeout: float | None = None
    ) -> Result:
        """
        Run a graph and wait for it to finish. If this fails or is interrupted, the run is cancelled on the server.

        Args:
            graph: from `open`.
            tell: called with a line of text at each step of progress.
            timeout: in seconds, including time in the queue; None for no limit.

        Raises:
            GraphError: the server rejected a value; nothing was run.
            RunError: a node failed, the run was interrupted, or it took too long.
            ServerError: the server does not answer, or the connection was lost.
        """
        client = uuid.uuid4().hex
        end = time.monotonic() + timeout if timeout else None
        channel = self._listen(client)
        prompt_id = None
        try:
            prompt_id = self._queue(graph, client)
            _follow(channel, prompt_id, _Lines(graph, tell), end)
            entry = self._get(f"/history/{prompt_id}").json()[prompt_id]
        except BaseException:
            if prompt_id:
                self._cancel(prompt_id)
            raise
        finally:
            channel.close()
        return self._result(graph, entry)

    def _listen(self, client: str) -> websocket.WebSocket:
        address = f"{self.url.replace('http', 'ws', 1)}/ws?clientId={client}"
        try:
            channel = websocket.create_connection(address, timeout=SECONDS_TO_ANSWER, http_no_proxy=["*"])
        except (OSError, websocket.WebSocketException) as error:
            raise ServerError(f"the server at {self.url} does not answer: {error}") from error
        channel.settimeout(SECONDS_BETWEEN_LOOKS)
        return channel

    def _queue(self, graph: Graph, client: str) -> str:
        answer = self._ask("POST", "/prompt", accept=(400,), json={"prompt": graph.prompt, "client_id": client})
        reply = answer.json()
        if answer.status_code != 200 or reply["node_errors"]:  # it may have queued the valid outputs
            if "prompt_id" in reply:
                self._cancel(reply["prompt_id"])
            complaints = [
                f"{graph.title(node)}: {complaint}"
                for node, about in reply["node_errors"].items()
                for complaint in _complaints(about["errors"])
            ]
            raise GraphError(_one_line("; ".join(complaints or [reply["error"]["message"]])))
        return reply["prompt_id"]

    def _result(self, graph: Graph, entry: dict) -> Result:
        status = entry["status"]
        for event, detail in status["messages"]:
            if event == "execution_error":
                raise RunError(_one_line(f"{graph.title(detail['node_id'])}: {detail['exception_message']}"))
            if event == "execution_interrupted":
                raise RunError(f"{graph.title(detail['node_id'])}: interrupted.")
        shown = [(node, item) for node, out in entry["outputs"].items() for items in out.values() for item in items]
        files = tuple(item for _, item in shown if isinstance(item, dict) and item.get("type") == "output")
        texts = tuple((graph.title(node), item) for node, item in shown if isinstance(item, str))
        return Result(self, files, texts)

    def _cancel(self, prompt_id: str) -> None:
        try:
            self._ask("POST", "/queue", json={"delete": [prompt_id]})
            self._ask("POST", "/interrupt", json={"prompt_id": prompt_id})
        except ServerError:
            pass  # the error being raised already gives the reason

    def _get(self, path: str, **query: str) -> requests.Response:
        return self._ask("GET", path, params=query)

    def _ask(self, method: str, path: str, accept: tuple[int, ...] = (), **content: object) -> requests.Response:
        try:
            answer = self._http.request(method, self.url + path, timeout=SECONDS_TO_ANSWER, **content)  # type: ignore[arg-type]
            if answer.status_code not in accept:
                answer.raise_for_status()
        except requests.RequestException as error:
            raise ServerError(f"the server at {self.url} does not answer: {error}") from error
        return answer


def _follow(channel: websocket.WebSocket, prompt_id: str, lines: "_Lines", end: float | None) -> None:
    """Wait for `executing` with node null: `execution_success` comes before the history entry exists."""
    while True:
        if end and time.monotonic() > end:
            raise RunError("the run did not end in time and was cancelled.")
        try:
            message = channel.recv()
        except websocket.WebSocketTimeoutException:
            continue
        except (OSError, websocket.WebSocketException) as error:
            raise ServerError(f"the connection to the server was lost before the run ended: {error}") from error
        if isinstance(message, bytes):
            continue  # a preview
        event = json.loads(message)
        data = event["data"]
        if data.get("prompt_id") != prompt_id:
            continue
        if event["type"] == "executing":
            if data["node"] is None:
                return
            lines.begin(data["node"])
        elif event["type"] == "progress":
            lines.step(data["node"], data["value"], data["max"])


class _Lines:
    """Turns the server's events into lines of text, at a limited rate."""

    def __init__(self, graph: Graph, tell: Callable[[str], None]) -> None:
        self._graph = graph
        self._tell = tell
        self._begun = 0
        self._last_line = 0.0

    def begin(self, node: str) -> None:
        """Report that a node starts."""
        self._begun += 1
        self._say(f"{self._begun} of {len(self._graph.prompt)}: {self._graph.title(node)}")

    def step(self, node: str, value: float, maximum: float) -> None:
        """Report the progress of a node."""
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._say(f"   {self._graph.title(node)}: {value:g} of {maximum:g}")

    def _say(self, line: str) -> None:
        self._tell(line)
        self._last_line = time.monotonic()


def _complaints(errors: list[dict]) -> list[str]:
    """The texts of a node's errors, without repeats: an error about several inputs arrives once for each of them."""
    texts: dict[str, str] = {}
    for error in errors:
        whole = error["details"] or error["message"]
        text = whole.removeprefix(f"{error['extra_info'].get('input_name')} - ")
        texts[text] = text if text in texts else whole
    return list(texts.values())


def _one_line(text: str) -> str:
    return " ".join(text.split())
