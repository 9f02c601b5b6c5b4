"""What surrounds the page."""

import socket
import threading
import time

import server
import uvicorn


def test_an_upload_that_falls_silent_is_given_up(monkeypatch):
    """Behind the server that Gradio uses, with a shorter limit; what goes on, however slowly, is not given up."""
    monkeypatch.setattr(server, "SILENT", 0.5)
    ended = []

    async def reader(scope, receive, send):
        body, message = b"", {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        ended.append((message["type"], body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})

    traffic = server.Traffic()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        serving = uvicorn.Server(uvicorn.Config(server.Gate(reader, traffic), lifespan="off", log_level="error"))
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
        thread.start()
        for pieces, expected in ((5, ("http.request", b"-" * 5)), (2, ("http.disconnect", b"-" * 2))):
            with socket.create_connection(listening.getsockname(), timeout=30) as visitor:
                visitor.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
                for _ in range(pieces):
                    visitor.sendall(b"-")
                    time.sleep(0.2)
                while not ended:
                    time.sleep(0.01)
            assert ended.pop() == expected
        while traffic.running:
            time.sleep(0.01)
        serving.should_exit = True
        thread.join()
