"""Makes the test harness available to benchmarks: seeded weights of every layout, and the host in this process."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "harness"))
from real_host import boot_host, comfyui_path


def boot_host_as_on_gpus() -> None:
    """Start the host on the CPU, with torch's attention."""
    sys.path.insert(0, str(comfyui_path()))
    from comfy.cli_args import args

    args.use_pytorch_cross_attention = True
    boot_host(Path(tempfile.mkdtemp()))
