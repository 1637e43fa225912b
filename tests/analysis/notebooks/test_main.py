import socket

import pytest

from analysis.notebooks.__main__ import _listen, main


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in said


def test_small_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio turns Nagle off on sockets that say they are TCP; else each of a page's 250 files took 44 ms."""
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "example.com", "::"])
def test_beyond_loopback_a_proxy_must_end_tls(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", host]) == 2
    assert "--behind-tls-proxy" in capsys.readouterr().err


def test_an_address_of_the_service_has_a_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--api", "localhost:8000"]) == 2
    assert "http://127.0.0.1:8000" in capsys.readouterr().err


def test_ports_out_of_range_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", "70000"])
    assert ended.value.code == 2
    capsys.readouterr()
