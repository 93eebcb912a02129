"""What tests of the audio branch can ask for."""

import pytest


@pytest.fixture(scope="module")
def audio(host):
    """Running a tiny Wan that hears: the module `golden.audio.runs`."""
    from golden.audio import runs as audio_runs

    return audio_runs


@pytest.fixture(scope="module")
def model(audio):
    """The tiny Wan that the stored outputs are of."""
    return audio.load_wan()


@pytest.fixture(scope="module")
def adapters(audio, tmp_path_factory):
    """Adapters by layout as model patches, each read once."""
    folder, read = tmp_path_factory.mktemp("adapters"), {}

    def adapter(layout):
        if layout not in read:
            read[layout] = audio.load_adapter(folder, layout)
        return read[layout]

    return adapter


@pytest.fixture
def hearing(audio, model, adapters):
    """The model with an adapter of a layout that hears the stored features, or others."""

    def made(layout, given=None, **how):
        patch = adapters(layout)
        return audio.listening_model(model, patch, audio.heard_features(layout, patch, given), **how)

    return made
