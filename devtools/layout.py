"""Where things are: the clone, and what dev.py creates in its `.dev` folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders of one clone."""

    root: Path

    @property
    def dev(self) -> Path:
        """Everything that dev.py creates. You can delete it at any time; that also deletes `user`."""
        return self.root / ".dev"

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.dev / "venv"

    @property
    def downloads(self) -> Path:
        """Downloaded archives."""
        return self.dev / "downloads"

    @property
    def hosts(self) -> Path:
        """ComfyUI, one folder for each version."""
        return self.dev / "host"

    @property
    def browsers(self) -> Path:
        """Playwright's own build of Chromium, for machines without another browser."""
        return self.dev / "browsers"

    @property
    def logs(self) -> Path:
        """What pip and the server printed."""
        return self.dev / "logs"

    @property
    def user(self) -> Path:
        """The host's base directory: models, input, output, temp, user, custom_nodes."""
        return self.dev / "user"

    @property
    def sample_inputs(self) -> Path:
        """The sample keyframes of the shipped workflows."""
        return self.root / "assets" / "input"

    def shown(self, path: Path) -> str:
        """A path for messages: relative to the clone if it is inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
