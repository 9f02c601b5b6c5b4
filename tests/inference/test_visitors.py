"""Who a visitor is, behind a proxy, too."""

import re
import shutil
import subprocess
import time

import httpx
import pytest
from conftest import ROOT, free_port
from gradio_client import Client, handle_file
from pages import Server, upload
from visitors import Proxies, neighbourhood

from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.errors import UserError


def test_addresses_and_networks_of_proxies():
    proxies = Proxies(" 10.0.0.0/8 , 192.0.2.7, 2001:db8::/32,")
    for address in ("10.1.2.3", "192.0.2.7", "::ffff:10.1.2.3", "2001:db8::5"):
        assert address in proxies
    for address in ("11.0.0.1", "192.0.2.8", "2001:db9::5", "", "unix:/run/x", "10.1.2"):
        assert address not in proxies
    assert "anything" in Proxies("*") and "127.0.0.1" not in Proxies("")
    for text in ("proxy.example.org", "10.0.0.0/33", "10.0.0.1 10.0.0.2"):
        with pytest.raises(
            UserError, match=re.escape(f"FORWARDED_ALLOW_IPS={text}: {text} is no IP address or network")
        ):
            Proxies(text)


def test_a_user_of_ipv6_has_a_network():
    assert neighbourhood("2001:db8:1:2:3:4:5:6") == neighbourhood("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert neighbourhood("2001:db8:1:3::9") != neighbourhood("2001:db8:1:2::9")
    assert neighbourhood("192.0.2.7") == "192.0.2.7" and neighbourhood("") == ""


def test_a_proxy_that_is_none_ends_the_program():
    server = Server(FORWARDED_ALLOW_IPS="nginx")
    with pytest.raises(AssertionError, match="the page ended at its start"), server:
        pass
    assert server.process.returncode == 2


def test_a_proxy_that_nobody_named_is_said_once(tmp_path):
    log = tmp_path / "log"
    with Server(log=log, CHECKPOINT=str(EMBEDDED), FORWARDED_ALLOW_IPS="192.0.2.7") as page:
        for _ in range(3):
            httpx.get(page.url, headers={"X-Forwarded-For": "192.0.2.8"}, timeout=60)
    said = log.read_text(encoding="utf-8")
    words = "127.0.0.1 sends X-Forwarded-For, as a proxy does. If it is yours, set FORWARDED_ALLOW_IPS=127.0.0.1: until then"
    assert said.count(words) == 1, said


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx (Debian: apt-get install nginx-light)")
@pytest.mark.parametrize("file", ["docs/serving.md", "docs/zh/serving.md"])
def test_the_example_of_nginx(file, drawings, tmp_path):
    """Answers come through it, under its path, and each visitor of it has an own place in the queue."""
    text = (ROOT / file).read_text(encoding="utf-8")
    (block,) = re.findall(r"(?:^    .*\n|^\n(?=    ))*^    server \{\n(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    with Server(CHECKPOINT=str(EMBEDDED), GRADIO_ROOT_PATH="/pictures") as page:
        port = free_port()
        block = block.replace("listen 80;", f"listen {port};").replace("http://127.0.0.1:7860", page.url)
        places = " ".join(
            f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log;\nevents {{}}\n"
            f"http {{ access_log off; {places}\n{block}}}\n",
            encoding="utf-8",
        )
        nginx = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
        try:
            url = f"http://127.0.0.1:{port}/pictures/"
            while True:
                try:
                    home = httpx.get(url, timeout=60)
                    break
                except httpx.TransportError:
                    assert nginx.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
                    time.sleep(0.05)
            assert home.status_code == 200 and f'"root":"http://127.0.0.1:{port}/pictures"' in home.text
            picture = drawings / "val" / "dog" / "dog_003.jpg"
            client = Client(url, verbose=False)
            assert client.predict(handle_file(str(picture)), api_name="/predict")["label"] == "dog"
            statuses = {}
            for address in ("127.0.0.2", "127.0.0.3"):
                transport = httpx.HTTPTransport(local_address=address)
                with httpx.Client(base_url=url, timeout=60, transport=transport) as visitor:
                    (sent,) = upload(visitor, ("dog.jpg", picture.read_bytes()))
                    asked = {"data": [[sent] * 400]}
                    statuses[address] = [
                        visitor.post("gradio_api/call/predict_batch", json=asked).status_code for _ in range(5)
                    ]
            assert 429 in statuses["127.0.0.2"] and statuses["127.0.0.3"][0] == 200, statuses
            with httpx.Client(base_url=url, timeout=60) as visitor:
                answer = visitor.post("gradio_api/call/predict", content=b"[" * 2**21)
                assert answer.status_code == 413
        finally:
            nginx.terminate()
            nginx.wait()
