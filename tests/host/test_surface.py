"""All of the host's inside that the pack uses is there. After an update of the host, this says what is gone."""

import ast
import importlib
import inspect
import re
from functools import cache

import pytest
import torch
from host_surface import HEAD, SURFACE, Use, name_of, surface
from import_rule import HOST_MODULES, modules
from project_paths import ROOT

MEMBERS = [(use, member) for use in SURFACE for member in use.members]
ATTRIBUTE = re.compile(r"[\w.]+")
CALL = re.compile(r"([\w.]+)\((.*)\)")
KEY = re.compile(r'"(\w+)"')
READ = re.compile(r"\.(\w+)")
SET_LATER = re.compile(r"self\.(\w+)")
LAYOUT = re.compile(r"\w+: .+")


# ---------------------------------------------------------------------------------------------- where members are


@pytest.fixture(scope="module", autouse=True)
def short_lived():
    """The host's models must be gone before the host's modules are, when Python ends."""
    yield
    for kept in (owner, wan, autoencoder):
        kept.cache_clear()


@cache
def wan():
    """A tiny Wan2.1 I2V in a ModelPatcher."""
    import comfy.sd
    from golden.semfi.weights import seeded_wan, tiny_wan_shapes

    return comfy.sd.load_diffusion_model_state_dict(seeded_wan(tiny_wan_shapes()))


@cache
def autoencoder():
    """A tiny autoencoder of pictures."""
    from comfy.sd import VAE
    from comfy.taesd.taesd import TAESD

    weights = TAESD(latent_channels=4).state_dict()
    return VAE(sd=weights | {"vae_scale": torch.tensor(0.18215), "vae_shift": torch.tensor(0.0)})


def clip_vision():
    from tiny_encoders import tiny_clip_vision

    return tiny_clip_vision()


def audio_encoder():
    from tiny_encoders import tiny_wav2vec2

    return tiny_wav2vec2()


def attention_layer():
    from comfy.ldm.modules.attention import CrossAttention

    return CrossAttention(8, heads=1, dim_head=8)


def guider():
    from comfy.samplers import CFGGuider

    return CFGGuider(wan())


INSTANCES = {
    "comfy.model_patcher.ModelPatcher": wan,
    "comfy.model_base.BaseModel": lambda: wan().model,
    "comfy.latent_formats.LatentFormat": lambda: wan().get_model_object("latent_format"),
    "comfy.ldm.wan.model.WanModel": lambda: wan().model.diffusion_model,
    "comfy.ldm.wan.model.WanAttentionBlock": lambda: wan().model.diffusion_model.blocks[0],
    "comfy.ldm.wan.model.WanI2VCrossAttention": lambda: wan().model.diffusion_model.blocks[0].cross_attn,
    "comfy.ldm.modules.attention.CrossAttention": attention_layer,
    "comfy.sd.VAE": autoencoder,
    "comfy.clip_vision.ClipVisionModel": clip_vision,
    "comfy.audio_encoders.audio_encoders.AudioEncoderModel": audio_encoder,
    "comfy.audio_encoders.wav2vec2.Wav2Vec2Model": lambda: audio_encoder().model,
    "comfy.samplers.CFGGuider": guider,
}


@cache
def owner(of: str):
    """The module, class or an object of the class that has the members."""
    found = INSTANCES[of]() if of in INSTANCES else located(of)
    if of in INSTANCES:
        assert isinstance(found, located(of)), f"{of} of the test is {type(found).__name__}"
    return found


def located(name: str):
    """A module or a class in it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        if not module:
            raise
        return getattr(located(module), last)


# ---------------------------------------------------------------------------------------------- what must be there


def clip_vision_outputs(encoder) -> None:
    """The last but one layer, and the embedding, are the second and third of what it returns."""
    with torch.inference_mode():
        made = encoder.model(pixel_values=torch.zeros(1, 3, 224, 224), intermediate_output=-2)
    assert made[1].shape == (1, 257, 1280)
    assert made[2].shape == (1, 1024)


def wav2vec2_outputs(model) -> None:
    """The last layer, and a list that begins with what goes in."""
    given = torch.zeros(1, 5, model.encoder.layer_norm.weight.shape[0])
    with torch.inference_mode():
        last, layers = model.encoder(given)
    assert last.shape == given.shape
    assert len(layers) == len(model.encoder.layers) + 1


def lora_weights(_) -> None:
    """In the order in which the pack takes them apart and puts them together."""
    from comfy.lora import load_lora

    up, down = torch.rand(6, 2), torch.rand(2, 4)
    tensors = {"layer.lora_A.weight": down, "layer.lora_B.weight": up, "layer.alpha": torch.tensor(3.0)}
    tensors |= {"layer.dora_scale": torch.rand(6, 1), "layer.diff_b": torch.rand(6)}
    loaded = load_lora(dict(tensors), {"layer": "layer.weight"}, log_missing=False)
    found = loaded["layer.weight"].weights
    assert len(found) == 6
    assert found[0] is up
    assert found[1] is down
    assert (found[2], found[3], found[5]) == (3.0, None, None)
    assert found[4] is tensors["layer.dora_scale"]
    assert loaded["layer.bias"] == ("diff", (tensors["layer.diff_b"],))


def prepare_sampling_arguments(helpers) -> None:
    """What a wrapper of this kind is called with, since it is called like the function it wraps."""
    assert wrong_parameters(helpers._prepare_sampling, ["model", "noise_shape"]) is None


LAYOUTS = {
    ("comfy.sampler_helpers", "PREPARE_SAMPLING"): prepare_sampling_arguments,
    ("comfy.clip_vision.ClipVisionModel", "pixel_values"): clip_vision_outputs,
    ("comfy.audio_encoders.wav2vec2.Wav2Vec2Model", "encoder"): wav2vec2_outputs,
    ("comfy.weight_adapter.LoRAAdapter", "weights"): lora_weights,
}


def missing(use: Use, member: str) -> str | None:
    """What of a member is not as it is used; None if all of it is."""
    if found := KEY.fullmatch(member):
        return None if re.search(rf"""["']{found[1]}["']""", source_of(use.of, whole=True)) else "such key"
    if found := READ.fullmatch(member):
        reads = rf"""\.{found[1]}\b|["']{found[1]}["']"""
        return None if re.search(reads, source_of(use.of, whole=True)) else "place that reads it"
    if found := SET_LATER.fullmatch(member):
        setter = rf"\b(self|{use.of.rpartition('.')[2]})\.{found[1]}\b"
        return None if re.search(setter, source_of(use.of)) else "such attribute"
    if LAYOUT.fullmatch(member):
        LAYOUTS[use.of, name_of(member)](owner(use.of))
        return None
    call = CALL.fullmatch(member)
    found = owner(use.of)
    for name in (call[1] if call else member).split("."):
        if not hasattr(found, name):
            return "such member"
        found = getattr(found, name)
    return wrong_parameters(found, [each.strip() for each in call[2].split(",") if each.strip()]) if call else None


def wrong_parameters(function, wanted: list[str]) -> str | None:
    """Which parameter is not where it is given; names that end with "=" are given by name."""
    given = dict(inspect.signature(function).parameters)
    given.pop("self", None)  # of a method that is looked up in its class
    first = [name.split("/") for name in wanted if not name.endswith("=")]
    if len(given) < len(first) or any(name not in names for name, names in zip(given, first, strict=False)):
        return f"such first parameters, but ({', '.join(given)})"
    rest = any(each.kind is each.VAR_KEYWORD for each in given.values())
    absent = [name for name in wanted if name.endswith("=") and name[:-1] not in given and not rest]
    return f"parameter {absent[0][:-1]}" if absent else None


def source_of(of: str, whole: bool = False) -> str:
    """The source of a class, or the whole of the module it is in."""
    found = located(of)
    return inspect.getsource(inspect.getmodule(found) if whole else found)


@pytest.mark.parametrize(("use", "member"), MEMBERS, ids=[f"{use.of} {member}"[:90] for use, member in MEMBERS])
def test_the_host_still_has(host, use, member):
    gone = missing(use, member)
    files = [file for file in use.files if mentions(file, member)]
    assert gone is None, (
        f"ComfyUI has no {use.of} {member} any more (no {gone}); {', '.join(files)} uses it for: {use.purpose}"
    )


# ---------------------------------------------------------------------------------------------- the list itself


@pytest.mark.parametrize(
    ("of", "member"),
    [
        ("comfy.utils", "get_attribute"),
        ("comfy.utils", "get_attr(attr, obj)"),
        ("comfy.utils", "get_attr(obj, name=)"),
        ("comfy.lora", '"difference"'),
        ("comfy.samplers.CFGGuider", "self.conditions"),
        ("comfy.model_patcher", ".get_type_of_numbers"),
        ("comfy.sd.VAE", "first_stage_model.decode_all"),
        ("comfy.ldm.wan.model.WanModel", "forward(x, context, timestep)"),
    ],
)
def test_what_is_gone_is_seen(host, of, member):
    assert missing(Use(of, (member,), (), ""), member)


def mentions(file: str, member: str) -> bool:
    return bool(re.search(rf"\b{name_of(member)}\b", (ROOT / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("use", SURFACE, ids=[f"{use.of}, {use.purpose}" for use in SURFACE])
def test_the_list_names_files_that_use_it(use):
    assert [file for file in use.files if not (ROOT / file).is_file()] == []
    assert [file for file in use.files if not any(mentions(file, member) for member in use.members)] == []
    assert [member for member in use.members if not any(mentions(file, member) for file in use.files)] == []


def host_names(source: str) -> set[str]:
    """The dotted names of what a module uses of the host's modules, as far as they can be read from its imports."""
    tree, known = ast.parse(source), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {each.asname or each.name.split(".")[0]: each.asname and each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            known |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    chains = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    dotted = {chain for chain in chains if ATTRIBUTE.fullmatch(chain) and chain.split(".")[0] in known}
    full = {(known[root] or root) + chain[len(root) :] for chain in dotted for root in [chain.split(".")[0]]}
    return {name for name in full if name.split(".")[0] in HOST_MODULES - {"comfy_api"}}


def test_the_list_is_whole():
    """Whatever is imported from the host stands in it; what is reached through objects, only its author knows."""
    found = {f"{path}: {name}" for path, source in modules(ROOT).items() for name in host_names(source)}
    missing = sorted(each for each in found if not is_listed(each.partition(": ")[2]))
    assert not missing, f'add to the table in ARCHITECTURE.md, "The host\'s internals": {"; ".join(missing)}'
    assert not is_listed("comfy.model_management.xformers_enabled")
    assert not is_listed("comfy.samplers.KSampler.DISCARD_PENULTIMATE_SIGMA_SAMPLERS")
    assert is_listed("comfy.samplers.KSampler")


def is_listed(name: str) -> bool:
    """Whether a dotted name is a member, leads to one, or is something within one."""
    members = (f"{use.of}.{re.split(r'[(:]', member)[0]}." for use in SURFACE for member in use.members)
    return any(member.startswith(f"{name}.") or f"{name}.".startswith(member) for member in members)


def test_names_of_the_host_are_found():
    source = (
        "import comfy.a.b\nimport comfy.c as d\nfrom comfy.e import F\nfrom torch import G\ncomfy.a.b.h(d.i, F.j, G.k)"
    )
    assert {"comfy.a.b.h", "comfy.c.i", "comfy.e.F.j"} <= host_names(source)
    assert not any("G" in name for name in host_names(source))


def test_a_table_that_cannot_be_read_is_told():
    head = f"{HEAD}\n|---|---|---|---|\n"
    assert list(surface(f"{head}| `a` | `b`, `c(d)` | `e.py` | f |\n\n| `not` | `in` | `it` | . |")) == [
        Use("a", ("b", "c(d)"), ("e.py",), "f")
    ]
    with pytest.raises(ValueError, match="a row has 3 cells"):
        list(surface(f"{head}| `a` | `b` | c |"))
    with pytest.raises(ValueError, match="not found"):
        list(surface("no table"))
    assert len(SURFACE) > 80
