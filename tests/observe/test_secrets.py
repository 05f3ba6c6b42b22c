"""Z11: a known secret is replaced in each spelling; other text is unchanged."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.config.model import Config
from safla.observe.secrets import HIDDEN, MOST, Hide, secrets_of

CANARY = "cAnary+7/0f=a&secret"
HOOK = f"https://hooks.example.org/services/{CANARY.replace('/', '-')}"


def spellings(secret: str) -> list[str]:
    raw = secret.encode()
    plain = [
        secret,
        secret.lower(),
        secret.upper(),
        quote(secret),
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
    ]
    percent = ["".join(f"%{byte:02{case}}" for byte in raw) for case in "xX"]
    return plain + percent


def encodings(secret: str) -> list[str]:
    return [
        encode(before.encode() + secret.encode() + after.encode()).decode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for before in ("", "a", "ab", "user:", "password=")
        for after in ("", "z", "zz", " and more")
    ]


@pytest.mark.parametrize("secret", [CANARY, "long enough", "ümläut-and-more", HOOK])
def test_z11_a_secret_is_hidden_in_each_spelling(secret):
    hide = Hide([secret])
    for text in spellings(secret):
        assert hide(f"before {text} behind") == f"before {HIDDEN} behind"


@pytest.mark.parametrize("secret", [CANARY, "long enough", HOOK])
def test_z11_less_than_a_letter_at_each_end_of_a_secret_is_left_in_base64(secret):
    hide = Hide([secret])
    for text in encodings(secret):
        assert HIDDEN in hide(text)
        for start in range(len(text) - 12):
            piece = base64.b64decode(text[start - start % 4 :][:12].replace("-", "+").replace("_", "/") + "==")
            if piece in secret.encode():
                assert text[start - start % 4 :][:12] not in hide(text)


def test_z11_the_path_of_a_webhook_is_hidden_even_without_its_host():
    hide = Hide([HOOK])
    part = HOOK.rpartition("/")[2]
    assert hide(f"POST /services/{part} to hooks.example.org") == f"POST /{HIDDEN}/{HIDDEN} to hooks.example.org"
    assert hide(json.dumps({"url": HOOK})) == f'{{"url": "{HIDDEN}"}}'


def test_short_and_empty_secrets_hide_nothing():
    assert Hide(["buy", "", "1234567"])("buy 1234567") == "buy 1234567"
    assert Hide()("anything") == "anything"


def test_the_longer_of_two_overlapping_secrets_is_hidden_completely():
    assert Hide(["secret-one", "secret-one-and-two"])("secret-one-and-two") == HIDDEN


def test_the_number_of_known_secrets_is_limited():
    secrets = [f"secret number {number:03}" for number in range(MOST + 1)]
    assert [Hide(secrets)(one) for one in secrets] == [HIDDEN] * MOST + [secrets[-1]]


@given(st.text(max_size=200))
def test_text_without_a_secret_is_unchanged(text):
    assert Hide(["a secret that is never drawn"])(text) == text


def test_the_secrets_of_a_run_are_its_webhook_and_safla_variables_that_look_like_keys():
    config = Config.model_validate({"monitoring": {"webhook_url": HOOK}})
    environment = {"SAFLA_API_KEY": "value-of-a-key", "SAFLA__RISK__STOP_LOSS_PCT": "0.03", "OTHER_SECRET": "not ours"}
    assert secrets_of(config, environment) == (HOOK, "value-of-a-key")
    assert secrets_of(Config()) == ()
