"""Where the project's files are, seen from the tests."""

from pathlib import Path

HARNESS = Path(__file__).resolve().parent
TESTS = HARNESS.parent
ROOT = TESTS.parent
WORKFLOWS = ROOT / "workflows"
BLUEPRINTS = ROOT / "subgraphs"
SAMPLE_INPUTS = ROOT / "assets" / "input"
DOCS = ROOT / "web" / "docs"
LOCALES = ROOT / "locales"
SCHEMA_FILE = TESTS / "nodes" / "schemas.json"
