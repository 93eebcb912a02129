"""Where things are: the clone, and what dev.py makes in its `.dev` folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders of one clone."""

    root: Path

    @property
    def dev(self) -> Path:
        """Everything that dev.py makes; may be deleted at any time, `user` then goes with it."""
        return self.root / ".dev"

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.dev / "venv"

    @property
    def downloads(self) -> Path:
        """Archives, as they came."""
        return self.dev / "downloads"

    @property
    def hosts(self) -> Path:
        """ComfyUI, one folder for each version."""
        return self.dev / "host"

    @property
    def browsers(self) -> Path:
        """Playwright's own build of Chromium, where no other browser could be had."""
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
        """A path as it is best read: relative to the clone if it is inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
