"""
A running ComfyUI as an object: open a graph, set its inputs by name, run it, fetch what it made.

    server = Server("http://127.0.0.1:8188")
    graph = server.open("workflows/quickstart.json")
    graph["First keyframe"] = "shots/010_a.png"
    graph["Keyframes.frame_count"] = 49
    result = server.run(graph, print)
    result.save("renders")

It needs the packages of comfy-cli: `pip install comfy-cli`. It speaks to the server that is named and to no other.
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
SECONDS_BETWEEN_LOOKS = 1.0  # at the clock, while the server says nothing
SECONDS_BETWEEN_LINES = 2.0
UPLOADS = ("image_upload", "audio_upload", "video_upload")
VALUES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"


class GraphError(Exception):
    """The graph, a name or a value does not fit; running it again as it is does not help."""


class RunError(Exception):
    """A node failed, was interrupted, or took too long; the text begins with its title."""


class ServerError(Exception):
    """The server does not answer or went away; running it again later may help."""


class Graph:
    """
    A graph as the server runs it, with its values by name.

    A name is `TITLE.input`, where the title is that of the node in the page, or `TITLE` alone for its first value:
    `Prompt`, `First keyframe`, `Keyframes.frame_count`. `#12.seed` names a node by its number.
    """

    def __init__(self, prompt: dict, object_info: dict, upload: Callable[[Path], str]) -> None:
        self.prompt = prompt
        self._object_info = object_info
        self._upload = upload

    def values(self) -> dict[str, object]:
        """Every value that can be set, by name; of nodes with the same title by number. [node, output] is a link."""
        titles = {node: self.title(node) for node in self.prompt}
        often = {title for title, count in Counter(titles.values()).items() if count > 1}
        return {
            f"{f'#{node}' if title in often else title}.{key}": self.prompt[node]["inputs"][key]
            for node, title in titles.items()
            for key in self._values_of(node)
        }

    def title(self, node: str) -> str:
        """What the page writes above a node."""
        known = self.prompt.get(node, {})
        return known.get("_meta", {}).get("title") or known.get("class_type") or f"node {node}"

    def __setitem__(self, name: str, value: object) -> None:
        """
        Set a value. A file of this machine is uploaded where an image, a sound or a video is asked for.

        Raises:
            GraphError: there is no such node or value, several nodes have the title, or the value is of another kind.
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
            raise GraphError(f'"{name}": no node has that title; there are {titles}.')
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
        """The inputs of a node that hold a value or could."""
        inputs = self.prompt[node]["inputs"]
        return [key for key in inputs if self._spec(node, key)[0] in (*VALUES, DYNAMIC)]

    def _spec(self, node: str, key: str) -> tuple[str, dict]:
        """The type of an input and its options, those within a dynamic choice too; "" for a socket."""
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
    """A value as the server takes it; texts of the command line become numbers where numbers are asked for."""
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
    """What a run made. files: as the server names them; texts: those that nodes showed, by title."""

    server: "Server"
    files: tuple[dict, ...]
    texts: tuple[tuple[str, str], ...]

    def save(self, folder: str | Path) -> list[Path]:
        """Fetch every file into a folder, with the subfolders of the server; files of the same name are replaced."""
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
        self._http.trust_env = False  # a proxy of the environment is not meant for this server

    def open(self, file: str | Path) -> Graph:
        """
        A graph from a file, as the page saves it or as it exports it for the API.

        Raises:
            GraphError: the file is no graph, or needs nodes that the server does not have.
            ServerError: the server does not answer.
        """
        try:
            workflow = json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise GraphError(f"{file} cannot be read: {error}") from error
        return self.graph(workflow)

    def graph(self, workflow: dict) -> Graph:
        """As `open`, for a graph that was read already."""
        object_info = self._get("/object_info").json()
        try:
            prompt = workflow if is_api_format(workflow) else convert_ui_to_api(workflow, object_info)
        except WorkflowConversionError as error:
            raise GraphError(f"the graph cannot be read: {error}") from error
        missing = sorted({node["class_type"] for node in prompt.values()} - object_info.keys())
        if missing:
            raise GraphError(f"the server lacks the nodes {', '.join(missing)}; install the pack they are from.")
        return Graph(prompt, object_info, self.upload)

    def upload(self, file: Path) -> str:
        """Put a file into the server's input folder; its name there, which is another one if that is taken."""
        with file.open("rb") as content:
            stored = self._ask("POST", "/upload/image", files={"image": (file.name, content)}).json()
        return "/".join(filter(None, (stored["subfolder"], stored["name"])))

    def fetch(self, file: dict) -> bytes:
        """The content of a file that a run made."""
        return self._get("/view", **{key: file[key] for key in ("filename", "subfolder", "type")}).content

    def run(
        self, graph: Graph, tell: Callable[[str], None] = lambda line: None, timeout: float | None = None
    ) -> Result:
        """
        Run a graph to its end. On the way out, whatever the reason, a run that has not ended is cancelled.

        Args:
            graph: from `open`.
            tell: takes a line whenever there is progress.
            timeout: longest time in seconds, waiting in the queue included.

        Raises:
            GraphError: the server refused a value; nothing was run.
            RunError: a node failed, someone interrupted, or it took too long.
            ServerError: the server does not answer or went away.
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
        told = answer.json()
        if answer.status_code != 200 or told["node_errors"]:  # it may have queued those outputs that are in order
            if "prompt_id" in told:
                self._cancel(told["prompt_id"])
            complaints = [
                f"{graph.title(node)}: {complaint}"
                for node, about in told["node_errors"].items()
                for complaint in _complaints(about["errors"])
            ]
            raise GraphError(_one_line("; ".join(complaints or [told["error"]["message"]])))
        return told["prompt_id"]

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
            pass  # what is being told already says why

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
    """Until `executing` with node null: `execution_success` comes before there is a history entry."""
    while True:
        if end and time.monotonic() > end:
            raise RunError("the graph did not end in time and was cancelled.")
        try:
            message = channel.recv()
        except websocket.WebSocketTimeoutException:
            continue
        except (OSError, websocket.WebSocketException) as error:
            raise ServerError(f"the server ended before the graph did: {error}") from error
        if isinstance(message, bytes):
            continue  # a preview
        event = json.loads(message)
        told = event["data"]
        if told.get("prompt_id") != prompt_id:
            continue
        if event["type"] == "executing":
            if told["node"] is None:
                return
            lines.begin(told["node"])
        elif event["type"] == "progress":
            lines.step(told["node"], told["value"], told["max"])


class _Lines:
    """Turns the server's events into lines, not too many of them."""

    def __init__(self, graph: Graph, tell: Callable[[str], None]) -> None:
        self._graph = graph
        self._tell = tell
        self._begun = 0
        self._last_line = 0.0

    def begin(self, node: str) -> None:
        """A node starts."""
        self._begun += 1
        self._say(f"{self._begun} of {len(self._graph.prompt)}: {self._graph.title(node)}")

    def step(self, node: str, value: float, maximum: float) -> None:
        """A node says how far it is."""
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._say(f"   {self._graph.title(node)}: {value:g} of {maximum:g}")

    def _say(self, line: str) -> None:
        self._tell(line)
        self._last_line = time.monotonic()


def _complaints(errors: list[dict]) -> list[str]:
    """The texts of a node's errors, each once: what a node says of its inputs together comes once for each of them."""
    texts: dict[str, str] = {}
    for error in errors:
        whole = error["details"] or error["message"]
        text = whole.removeprefix(f"{error['extra_info'].get('input_name')} - ")
        texts[text] = text if text in texts else whole
    return list(texts.values())


def _one_line(text: str) -> str:
    return " ".join(text.split())
