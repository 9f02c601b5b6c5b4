"""What the page takes from its environment."""

import os
import socket

import pytest
import surroundings
from conftest import free_port

from mobilenetv2.runtime.errors import UserError


@pytest.fixture
def environment():
    """environment(NAME=value) sets variables; all are as before in the end."""
    before = dict(os.environ)
    yield os.environ.update
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    "name", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "no_proxy", "Ftp_Proxy", "SSL_CERT_FILE"]
)
def test_nothing_of_clients_is_left(environment, name):
    environment(**{name: "socks://127.0.0.1:1"})
    assert surroundings.prepare_environment() == [] and name not in os.environ and os.environ["NO_PROXY"] == "*"


def test_only_four_of_gradios_variables_count(environment):
    environment(
        GRADIO_SHARE="true", GRADIO_ALLOWED_PATHS="/", GRADIO_ANALYTICS_ENABLED="True", GRADIO_MCP_SERVER="true"
    )
    environment(GRADIO_ROOT_PATH="/page", GRADIO_TEMP_DIR="", GRADIO_SERVER_NAME=" ", GRADIO_SERVER_PORT="")
    removed = {"GRADIO_SHARE", "GRADIO_ALLOWED_PATHS", "GRADIO_ANALYTICS_ENABLED", "GRADIO_MCP_SERVER"}
    assert set(surroundings.prepare_environment()) == removed
    left = {name: value for name, value in os.environ.items() if name.startswith(("GRADIO", "HF_"))}
    assert left.pop("GRADIO_ANALYTICS_CACHE_FREQUENCY") == str(2**40) and left.pop("GRADIO_ANALYTICS_MAX_EVENTS") == "1"
    expected = {"GRADIO_ROOT_PATH": "/page", "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    assert left == expected


@pytest.mark.parametrize("text", ["abc", "0", "-1", "65536", "7860.0", "７８６０", "1" * 5000, "0x50", "80;90"])
def test_a_port_that_is_none(environment, text):
    environment(GRADIO_SERVER_PORT=text)
    for function in (surroundings.prepare_environment, surroundings.address):
        with pytest.raises(UserError) as caught:
            function()
        assert str(caught.value) == f"GRADIO_SERVER_PORT={text[:50]}: expected a whole number from 1 to 65535"


@pytest.mark.parametrize("theirs, host", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"),
                                          ("127.0.0.1", "localhost")])  # fmt: skip
def test_a_port_that_is_taken(environment, theirs, host):
    with socket.socket() as other:
        other.bind((theirs, 0))
        other.listen()
        port = other.getsockname()[1]
        environment(GRADIO_SERVER_PORT=str(port), GRADIO_SERVER_NAME=host)
        with pytest.raises(UserError) as caught:
            surroundings.address()
    assert str(caught.value) == (
        f"Port {port} is used by another program: end that one, or set GRADIO_SERVER_PORT to another number"
    )


@pytest.mark.parametrize("host, words", [
    ("nowhere.invalid", "no address of this machine; leave it out"),
    ("a" * 300, "no address of this machine"),
    ("192.0.2.1", "cannot be used here (Cannot assign requested address)"),
    ("2001:db8::1", "cannot be used here (Cannot assign requested address)"),
])  # fmt: skip
def test_a_host_that_is_none(environment, host, words):
    environment(GRADIO_SERVER_NAME=host, GRADIO_SERVER_PORT=str(free_port()))
    with pytest.raises(UserError) as caught:
        surroundings.address()
    assert str(caught.value).startswith(f"GRADIO_SERVER_NAME={host}: {words}")


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_a_host_of_the_newer_protocol_is_in_brackets(environment, host):
    port = free_port()
    environment(GRADIO_SERVER_NAME=host, GRADIO_SERVER_PORT=f" {port} ")
    assert surroundings.address() == (f"[{host.strip('[]')}]", port)
