"""Calls of MRCPv2: how they change, how they end, and that nothing is left of them."""

import pkgutil
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from attrs import evolve
from mrcpclient import Call, Phone, a_phone, until
from mrcpserver import LIMIT_S, Running, a_server, open_files

from h2b.asr.scripted import ScriptedRecogniser
from h2b.config import Configuration, MrcpSettings, ServerSettings, TlsSettings
from h2b.model.errors import ConfigurationError
from h2b.model.usage import RecognitionRecord
from h2b.protocol.recognizer import Recognizer
from h2b.protocol.session import Setting
from h2b.server.app import serve
from h2b.server.mrcp import HANDSHAKE_S
from h2b.server.telephone import SPARE_CONNECTIONS
from h2b.server.tls import open_tls
from h2b.telephony.sdp import Attributes, Media, SessionDescription, parse_sdp, write_sdp
from h2b.telephony.sdp_client import OfferSettings, make_offer, read_grant
from h2b.telephony.sip_call import CallState
from h2b.telephony.sip_effects import CallAnswered, CallRefused, ChangeRefused, Effect, EndReason, Transport

HERE = Path(__file__).parent


@pytest.fixture
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost control connection ends a call at once."""
    monkeypatch.setattr("h2b.server.calls.LINGER_S", 0.0)


# Clients that go without a word


async def test_a_client_that_never_connects_is_hung_up_on(setting: Setting) -> None:
    async with a_server(setting, connect_s=0.2) as server, a_phone(server.sip) as phone:
        call = await phone.dial(connect=False)
        assert await call.ended() is EndReason.HUNG_UP
        await until(lambda: server.idle)


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_a_client_whose_contact_cannot_be_a_name_harms_nobody(setting: Setting, transport: Transport) -> None:
    async with (
        a_server(setting, connect_s=0.2) as server,
        a_phone(server.sip, transport) as phone,
        a_phone(server.sip) as other,
    ):
        phone.client.settings = evolve(phone.client.settings, host="a..b")
        await phone.dial(connect=False)
        await until(lambda: not server.telephone.board.calls)
        await (await other.dial()).recognise()


async def test_a_client_behind_nat_is_hung_up_on_where_its_packets_come_from(setting: Setting) -> None:
    async with (
        a_server(setting, connect_s=0.2, clients_behind_nat=True) as server,
        a_phone(server.sip) as phone,
    ):
        phone.client.settings = evolve(phone.client.settings, host="192.0.2.99")
        call = await phone.dial(connect=False)
        assert await call.ended() is EndReason.HUNG_UP


async def test_a_client_that_is_connected_and_quiet_stays(setting: Setting) -> None:
    async with a_server(setting, connect_s=0.1) as server, a_phone(server.sip) as phone:
        quiet = await phone.dial()
        unconnected = await phone.dial(connect=False)
        # The second has a connection too, as far as anybody can tell: they come from one host.
        assert server.telephone.board.calls == 2
        assert quiet.link is not None
        await quiet.link.stream.aclose()
        await quiet.ended()
        await unconnected.ended()
        await until(lambda: server.idle)


async def test_a_client_that_never_acknowledges_is_given_up(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.telephony.sip_call.LIFETIME", 0.3)
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        phone.acknowledges = False
        call = await phone.dial()
        await call.recognise(No_Input_Timeout="20000")
        await until(lambda: server.telephone.board.calls == 0)
        assert await call.ended() is EndReason.HUNG_UP
        assert server.records[0].ended_by == "disconnect"


async def test_a_lost_control_connection_ends_all_its_calls_with_bye(setting: Setting, no_lingering: None) -> None:
    async with a_server(setting, ScriptedRecogniser()) as server, a_phone(server.sip) as phone:
        files = open_files()
        first = await phone.dial()
        second = await phone.dial(link=first.link)
        for call in (first, second):
            await call.recognise()
        assert first.link is not None
        await trio.aclose_forcefully(first.link.stream)
        for call in (first, second):
            assert await call.ended() is EndReason.HUNG_UP
            call.rtp.close()
        await until(lambda: server.idle and open_files() == files)
        assert {record.ended_by for record in server.records} == {"disconnect"}


async def test_bye_that_comes_after_the_end_of_the_connection_is_in_time(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("GET-PARAMS")
        assert call.link is not None
        await trio.aclose_forcefully(call.link.stream)
        await until(lambda: server.telephone.control.connections == 0)
        assert server.telephone.board.calls == 1
        await call.hang_up()
        await until(lambda: server.idle)


async def test_a_client_whose_bye_is_lost_and_who_answers_none(setting: Setting, no_lingering: None) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        phone.mute = True
        assert call.link is not None
        await trio.aclose_forcefully(call.link.stream)
        await until(lambda: server.idle)
        assert server.telephone.endpoint.server.unanswered == 1


async def test_a_client_that_is_killed_leaves_nothing_behind(setting: Setting, no_lingering: None) -> None:
    async with a_server(setting) as server:
        files = open_files()
        command = [sys.executable, str(HERE / "mrcpvictim.py"), server.sip]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert await process.stdout.receive_some(100) == b"recognising\n"
        assert server.telephone.board.calls == 3
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await process.stdout.aclose()
        await until(lambda: server.idle and open_files() == files)
        assert len(server.records) == 6


async def test_the_tasks_of_a_call_end_with_it(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        await a_short_call(phone)
        await until(lambda: server.idle)
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(3):
            await a_short_call(phone)
        await until(lambda: server.idle and trio.lowlevel.current_statistics().tasks_living <= before)


async def a_short_call(phone: Phone) -> None:
    call = await phone.dial()
    await call.ask("GET-PARAMS")
    await call.hang_up()
    assert call.link is not None
    await call.link.stream.aclose()


@pytest.mark.parametrize(
    "place", ["h2b.server.media.MediaPort.play", "h2b.protocol.recognizer.Recognizer.receive_audio"]
)
async def test_a_fault_of_ours_ends_one_call_and_no_other(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    async with a_server(setting, ScriptedRecogniser()) as server, a_phone(server.sip) as phone:
        call, other = await phone.dial(), await phone.dial()
        await other.ask("GET-PARAMS")
        files = server.telephone.media.ports.taken
        with monkeypatch.context() as patch:
            patch.setattr(place, once_failing(place))
            await call.recognise()
            call.speak()
            ended = await call.ended()
        assert ended is EndReason.HUNG_UP
        assert server.telephone.media.ports.taken == files - 1
        await other.ask("GET-PARAMS")


def once_failing(place: str) -> Callable[..., object]:
    """The method at this place, but that it fails the first time for a call that recognises."""
    works = pkgutil.resolve_name(place)
    failed: list[object] = []

    def method(own: Any, *arguments: Any) -> object:
        busy = isinstance(own, Recognizer) or any(listener.listening for listener in own.listeners)
        if busy and not failed:
            failed.append(own)
            raise RuntimeError("a fault of ours")
        return works(own, *arguments)

    return method


# Load


async def test_eighty_calls_at_fifty_a_second_all_end_well(setting: Setting) -> None:
    async with a_server(setting) as server:
        files = open_files()
        async with a_phone(server.sip) as phone, trio.open_nursery() as nursery:
            began = trio.current_time()
            for number in range(80):
                nursery.start_soon(one_call, phone)
                await trio.sleep_until(began + number / 50)
        await until(lambda: server.idle and open_files() == files)
        assert [record.ended_by for record in server.records].count("stop") == 80


async def one_call(phone: Phone) -> None:
    call = await phone.dial()
    await call.recognise()
    call.speak()
    await call.expect("START-OF-INPUT")
    await call.ask("STOP")
    await call.hang_up()
    assert call.link is not None
    await call.link.stream.aclose()


async def test_more_calls_than_allowed_are_refused_until_one_ends(setting: Setting) -> None:
    async with a_server(setting, maximum_calls=1) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        refused = await phone.invite()
        assert isinstance(refused, CallRefused)
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
        await call.hang_up()
        await phone.dial()


# What one message cannot do to others


NOWHERE = {
    "an empty label": "a..b",
    "a label of 64 letters": f"{'a' * 64}.example",
    "maddr": "127.0.0.1;maddr=a..b;x=",
}


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("host", NOWHERE.values(), ids=NOWHERE)
async def test_a_contact_that_is_no_address_costs_nobody_his_call(
    setting: Setting, transport: Transport, host: str
) -> None:
    async with a_server(setting, connect_s=0.1) as server:
        async with a_phone(server.sip, transport) as phone:
            phone.client.settings = evolve(phone.client.settings, host=host)
            await phone.dial(connect=False)
            (theirs,) = server.telephone.endpoint.server._calls.by_name.values()
            await until(lambda: theirs.state is CallState.CONFIRMED)
            phone.mute = True
        await until(lambda: server.telephone.board.calls == 0)
        assert server.telephone.endpoint.server.unanswered == 1
        async with a_phone(server.sip) as other:
            await a_short_call(other)
        assert server.telephone.endpoint.connections == 0


async def test_a_fault_in_what_is_due_costs_no_call(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        sip = server.telephone.endpoint.server
        failed: list[float] = []

        def fails(now: float) -> list[Effect]:
            monkeypatch.undo()
            failed.append(now)
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(sip, "advance", fails)
        phone.acknowledges = False
        call = await phone.dial()
        await until(lambda: bool(failed))
        await call.ask("GET-PARAMS")
        phone.acknowledges = True
        await a_short_call(phone)


# Who may call


async def test_an_address_that_is_not_allowed_is_refused(setting: Setting) -> None:
    async with a_server(setting, allow=("10.0.0.0/8",)) as server, a_phone(server.sip) as phone:
        refused = await phone.invite()
        assert isinstance(refused, CallRefused)
        assert (refused.status, refused.reason) == (403, "Forbidden")
        assert server.idle
        assert server.telephone.endpoint.server.idle


async def connected_from(server: Running, host: str) -> trio.SocketStream:
    """A connection to SIP by TCP, from one of this machine's own addresses."""
    return await trio.open_tcp_stream("127.0.0.1", int(server.sip.rpartition(":")[2]), local_address=host)


async def test_nobody_from_elsewhere_connects_for_sip(setting: Setting) -> None:
    async with a_server(setting, allow=("127.0.0.3",)) as server, await connected_from(server, "127.0.0.2") as stranger:
        assert await stranger.receive_some(1) == b""
        assert server.telephone.endpoint.connections == 0
        async with await connected_from(server, "127.0.0.3") as client:
            await client.send_all(b"\r\n\r\n")
            assert await client.receive_some(2) == b"\r\n"


async def test_connections_without_a_call_give_way_to_others(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.server.sip.MAXIMUM_CONNECTIONS", 8)
    async with a_server(setting) as server, a_phone(server.sip, Transport.TCP) as phone, AsyncExitStack() as crowd:
        call = await phone.dial()
        for host in ("127.0.0.2", "127.0.0.3"):
            for _ in range(20):
                stream = await crowd.enter_async_context(await connected_from(server, host))
                await stream.send_all(b"\r\n\r\n")
                assert await stream.receive_some(2) == b"\r\n"
        assert server.telephone.endpoint.connections == 8
        async with a_phone(server.sip, Transport.TCP) as another:
            await a_short_call(another)
        await call.ask("GET-PARAMS")
        await call.hang_up()


async def test_connections_of_calls_do_not_give_way(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.server.sip.MAXIMUM_CONNECTIONS", 1)
    async with a_server(setting) as server, a_phone(server.sip, Transport.TCP) as phone:
        call = await phone.dial()
        async with await connected_from(server, "127.0.0.2") as stranger:
            assert await stranger.receive_some(1) == b""
        await call.ask("GET-PARAMS")
        await call.hang_up()
        async with await connected_from(server, "127.0.0.2") as next_one:
            await next_one.send_all(b"\r\n\r\n")
            assert await next_one.receive_some(2) == b"\r\n"


async def test_an_address_that_is_allowed_is_taken(setting: Setting) -> None:
    async with a_server(setting, allow=("10.0.0.0/8", "127.0.0.1")) as server, a_phone(server.sip) as phone:
        assert isinstance(await phone.invite(), Call)


async def test_with_users_a_call_needs_a_password(setting: Setting) -> None:
    async with a_server(setting, users={"ivr": "secret"}) as server:
        async with a_phone(server.sip) as nobody:
            refused = await nobody.invite()
            assert isinstance(refused, CallRefused)
            assert refused.status == 401
        async with a_phone(server.sip, password=("ivr", "wrong")) as liar:
            assert isinstance(await liar.invite(), CallRefused)
        async with a_phone(server.sip, password=("ivr", "secret")) as known:
            assert isinstance(await known.invite(), Call)


# Offers


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"nothing of the kind", "SDP line 1"),
        (b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", "the offer has no media"),
    ],
)
async def test_an_offer_nobody_can_read_is_refused_with_the_reason(
    setting: Setting, octets: bytes, reason: str
) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        refused = await phone.invite(octets=octets)
        assert isinstance(refused, CallRefused)
        assert refused.status == 488
        assert reason in (refused.headers.get("Warning") or "")


async def test_the_advertised_address_is_in_the_answer(setting: Setting) -> None:
    async with a_server(setting, advertised_address="192.0.2.7") as server, a_phone(server.sip) as phone:
        call = await phone.dial(connect=False)
        assert (call.granted.address, call.grant.audio_address) == ("192.0.2.7", "192.0.2.7")


async def test_a_server_on_every_address_answers_with_the_one_the_client_reaches(setting: Setting) -> None:
    async with a_server(setting, sip="0.0.0.0:0") as server:
        port = server.sip.rpartition(":")[2]
        async with a_phone(f"127.0.0.1:{port}") as phone:
            call = await phone.dial(connect=False)
            assert call.granted.address == "127.0.0.1"
            assert phone.client._calls[call.name].dialog.target == f"sip:127.0.0.1:{port};transport=udp"


async def test_sound_may_come_to_an_address_of_its_own(setting: Setting) -> None:
    async with a_server(setting, rtp="127.0.0.2") as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        assert (call.granted.address, call.grant.audio_address) == ("127.0.0.1", "127.0.0.2")
        await call.recognise()
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_a_server_on_every_address_of_ipv6_hears_nobody_by_ipv4(setting: Setting) -> None:
    """As with connections: who calls by IPv4 would be told addresses of IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    async with a_server(setting, sip="[::]:0", mrcp="[::]:0") as server:
        with trio.socket.socket(type=socket.SOCK_DGRAM) as caller:
            await caller.connect(("127.0.0.1", int(server.sip.rpartition(":")[2])))
            await caller.send(b"\r\n\r\n")
            with pytest.raises(ConnectionRefusedError):
                await caller.recv(1)


async def test_options_tells_what_can_be_had(setting: Setting) -> None:
    async with a_server(setting) as server:
        host, _, port = server.sip.rpartition(":")
        with trio.socket.socket(type=socket.SOCK_DGRAM) as monitor:
            await monitor.bind(("127.0.0.1", 0))
            own = f"127.0.0.1:{monitor.getsockname()[1]}"
            lines = (
                f"OPTIONS sip:{server.sip} SIP/2.0",
                f"Via: SIP/2.0/UDP {own};branch=z9hG4bK1",
                f"From: <sip:{own}>;tag=1",
                f"To: <sip:{server.sip}>",
                "Call-ID: 1",
                "CSeq: 1 OPTIONS",
                "Content-Length: 0",
            )
            await monitor.sendto("\r\n".join((*lines, "", "")).encode(), (host, int(port)))
            octets, _ = await monitor.recvfrom(65536)
        head, _, body = octets.partition(b"\r\n\r\n")
        assert head.startswith(b"SIP/2.0 200 OK")
        resources = [own for media in parse_sdp(body).media for own in media.attributes.all("resource")]
        assert resources == ["speechrecog", "dtmfrecog"]


def with_lines(description: SessionDescription, *more: Media) -> SessionDescription:
    origin = evolve(description.origin, version=str(int(description.origin.version) + 1))
    return evolve(description, origin=origin, media=(*description.media, *more))


async def changed(call: Call, description: SessionDescription) -> CallAnswered | ChangeRefused:
    phone = call.phone
    phone.perform(phone.client.change(call.name, write_sdp(description), trio.current_time()))
    news = await phone.news(call.name)
    assert isinstance(news, CallAnswered | ChangeRefused), news
    return news


def dtmf_line() -> Media:
    attributes = (("setup", "active"), ("connection", "existing"), ("resource", "dtmfrecog"), ("cmid", "1"))
    return Media("application", 9, "TCP/MRCPv2", ("1",), attributes=Attributes(attributes))


def an_offer(call: Call) -> SessionDescription:
    return make_offer(OfferSettings("127.0.0.1", call.rtp.getsockname()[1]))


async def test_another_offer_adds_a_resource_and_takes_one_away(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        offer = an_offer(call)
        await call.ask("GET-PARAMS")
        added = with_lines(offer, dtmf_line())
        news = await changed(call, added)
        assert isinstance(news, CallAnswered)
        by_voice, by_keys = read_grant(news.answer).resources
        assert by_voice == call.granted
        assert parse_sdp(news.answer).origin.version == "2"
        call.granted = by_keys
        await call.recognise("builtin:dtmf/digits?length=2")
        call.press("42")
        assert b"42" in (await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")).body
        gone = with_lines(evolve(added, media=(evolve(added.media[0], port=0), *added.media[1:])))
        news = await changed(call, gone)
        assert isinstance(news, CallAnswered)
        assert read_grant(news.answer).resources == (by_keys,)
        assert list(server.telephone.control.channels) == [by_keys.channel]
        await call.ask("GET-PARAMS")


async def test_another_offer_that_cannot_be_had_leaves_the_call_as_it_was(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        offer = an_offer(call)
        await call.recognise()
        strange = evolve(offer.media[0], protocol="TCP/MRCPv9")
        news = await changed(call, with_lines(evolve(offer, media=(strange, *offer.media[1:]))))
        assert isinstance(news, ChangeRefused)
        assert news.status == 488
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_a_call_whose_sound_is_taken_away_interprets_text_and_gets_it_back(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("GET-PARAMS")
        offer = an_offer(call)
        control, sound = offer.media
        silent = with_lines(evolve(offer, media=(control, evolve(sound, port=0))))
        news = await changed(call, silent)
        assert isinstance(news, CallAnswered)
        assert [media.port == 0 for media in parse_sdp(news.answer).media] == [False, True]
        assert server.telephone.media.ports.taken == 0
        await call.ask("INTERPRET", "builtin:speech/boolean", Content_Type="text/uri-list", Interpret_Text="yes please")
        await call.expect("INTERPRETATION-COMPLETE")
        news = await changed(call, with_lines(evolve(silent, media=(control, sound))))
        assert isinstance(news, CallAnswered)
        call.grant = read_grant(news.answer)
        await call.recognise()
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_the_channel_moves_to_another_connection_when_an_offer_says_so(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        assert isinstance(await changed(call, with_lines(an_offer(call))), CallAnswered)
        old = call.link
        assert old is not None
        # Until the client speaks by another connection, it hears by the old one.
        call.speak()
        await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        call.link = await phone.connect(call.granted)
        await call.ask("GET-PARAMS")
        await trio.aclose_forcefully(old.stream)
        await until(lambda: server.telephone.control.connections == 1)
        await call.ask("GET-PARAMS")


# What is counted


async def test_calls_sound_and_refusals_are_counted(setting: Setting) -> None:
    async with a_server(setting, users={"ivr": "secret"}, maximum_calls=1) as server:
        count = server.telephone.statistics
        async with a_phone(server.sip, password=("ivr", "secret")) as phone:
            call = await phone.dial()
            await call.recognise()
            refused = await phone.invite()
            assert isinstance(refused, CallRefused)
            assert (count().calls, count().connections, count().packets["received"]) == (1, 1, 0)
            call.speak()
            await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            await call.hang_up()
            await until(lambda: count().calls == 0)
        found = count()
    assert {how: ended for how, ended in found.ended.items() if ended} == {"hung_up": 1}
    assert found.refused[503] == 1
    assert 401 not in found.refused
    assert found.packets["received"] > 0


@pytest.mark.parametrize(
    ("settings", "tenant"),
    [
        ({}, "ivr"),
        ({"tenant": "acme"}, "acme"),
        ({"tenant": "acme", "tenants": {"other": "beta"}}, "acme"),
        ({"tenant": "acme", "tenants": {"ivr": "beta"}}, "beta"),
    ],
)
async def test_records_say_whose_call_it_was(setting: Setting, settings: dict[str, Any], tenant: str) -> None:
    async with (
        a_server(setting, users={"ivr": "secret"}, **settings) as server,
        a_phone(server.sip, password=("ivr", "secret")) as phone,
    ):
        call = await phone.dial()
        await call.recognise()
        await call.hang_up()
        await until(lambda: server.telephone.board.calls == 0)
    assert {record.tenant for record in server.records} == {tenant}
    assert len(server.records) == 2


async def test_without_passwords_calls_are_those_of_the_one_tenant_there_is(setting: Setting) -> None:
    async with a_server(setting, tenant="acme") as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        await call.hang_up()
        await until(lambda: server.telephone.board.calls == 0)
    assert {record.tenant for record in server.records} == {"acme"}


# The end of the server


async def test_shutdown_takes_no_more_calls_and_lets_those_at_hand_go_on(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call, idle = await phone.dial(), await phone.dial()
        await call.recognise()
        server.shutdown.set()
        await until(lambda: server.telephone.endpoint.server.retry_after is not None)
        refused = await phone.invite()
        assert isinstance(refused, CallRefused)
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
        for _ in range(2):
            call.speak()
            done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert done.headers.get("Completion-Cause") == "000 success"
            await call.recognise()
        await idle.ask("GET-PARAMS")
        await idle.hang_up()
        await call.hang_up()
        await until(lambda: server.telephone.board.calls == 0)
    recognitions = [record for record in server.records if isinstance(record, RecognitionRecord)]
    assert [record.ended_by for record in recognitions] == ["result", "result", "close"]


async def test_until_balancers_had_time_to_notice_calls_are_taken(setting: Setting) -> None:
    async with a_server(setting, drain_notice_s=1.5) as server, a_phone(server.sip) as phone:
        server.shutdown.set()
        await until(lambda: server.telephone.endpoint.server.leaving)
        call = await phone.dial()
        await until(lambda: server.telephone.endpoint.server.retry_after is not None)
        await call.ask("GET-PARAMS")
        await call.hang_up()


async def test_a_recognition_that_outlasts_the_deadline_is_cut_off_and_billed(setting: Setting) -> None:
    async with a_server(setting, ScriptedRecogniser(), drain_s=0.1) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise(No_Input_Timeout="20000")
        server.shutdown.set()
        assert await call.ended() is EndReason.HUNG_UP
        assert server.records[0].ended_by == "disconnect"


async def test_the_ready_line_names_both_addresses(setting: Setting) -> None:
    configuration = Configuration(
        server=ServerSettings(websocket="127.0.0.1:0"), mrcp=MrcpSettings(sip="127.0.0.1:0", mrcp="127.0.0.1:0")
    )
    shutdown = trio.Event()
    lines: list[str] = []
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:

            async def run(task_status: trio.TaskStatus[str]) -> None:
                await serve(
                    configuration,
                    setting,
                    ScriptedRecogniser(),
                    shutdown,
                    announce=lines.append,
                    write_record=lambda record: None,
                    task_status=task_status,
                )

            await nursery.start(run)
            (line,) = lines
            words = dict(word.split("=", 1) for word in line.removeprefix("ready ").split())
            assert list(words) == ["websocket", "sip", "mrcp"]
            async with a_phone(words["sip"]) as phone:
                call = await phone.dial()
                assert f"{call.granted.address}:{call.granted.port}" == words["mrcp"]
                await call.ask("GET-PARAMS")
                await call.hang_up()
            shutdown.set()


async def test_an_address_that_is_taken_is_told(setting: Setting) -> None:
    async with a_server(setting) as server:
        with pytest.RaisesGroup(
            pytest.RaisesExc(ConfigurationError, match="sip in .mrcp.: cannot listen"),
            flatten_subgroups=True,
            allow_unwrapped=True,
        ):
            async with a_server(setting, sip=server.sip):
                pass


# TLS


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[TlsSettings, ssl.SSLContext]:
    """Files of the server, and the client's context."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    folder = tmp_path_factory.mktemp("tls")
    for name, blob in (("certificate.pem", own.cert_chain_pems[0]), ("key.pem", own.private_key_pem)):
        blob.write_to_path(str(folder / name))
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return TlsSettings(certificate=str(folder / "certificate.pem"), key=str(folder / "key.pem")), client


async def test_sip_and_the_control_channel_over_tls(
    setting: Setting, certificates: tuple[TlsSettings, ssl.SSLContext]
) -> None:
    settings, theirs = certificates
    async with a_server(setting, tls=open_tls(settings), sip_tls="127.0.0.1:0", mrcp_tls="127.0.0.1:0") as server:
        port = server.telephone.endpoint.server.settings.tls_port
        async with a_phone(f"127.0.0.1:{port}", Transport.TLS, context=theirs) as phone:
            call = await phone.dial(tls=True, uri=f"sips:h2b@127.0.0.1:{port}")
            assert call.granted.tls
            await call.recognise()
            call.speak()
            done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert done.headers.get("Completion-Cause") == "000 success"
            await call.hang_up()
        await until(lambda: server.idle)


def fingerprint_of(certificate: Path) -> str:
    octets = ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))
    return f"sha-256 {sha256(octets).hexdigest().upper()}"


async def told_fingerprint(server: Running, phone: Phone) -> str:
    """The one in the answer to a call, without its colons."""
    name, effects = phone.client.call(
        f"sip:h2b@{server.sip}",
        phone.server,
        write_sdp(make_offer(OfferSettings("127.0.0.1", 4000, tls=True))),
        trio.current_time(),
    )
    phone.perform(effects)
    news = await phone.news(name)
    assert isinstance(news, CallAnswered)
    told = parse_sdp(news.answer).media[0].attributes.get("fingerprint")
    assert told is not None
    return told.replace(":", "")


async def test_the_answer_has_the_fingerprint_of_the_certificate_in_use(
    setting: Setting, certificates: tuple[TlsSettings, ssl.SSLContext], tmp_path: Path
) -> None:
    first, _ = certificates
    used = TlsSettings(certificate=str(tmp_path / "certificate.pem"), key=str(tmp_path / "key.pem"))
    certificate, key = Path(used.certificate), Path(used.key)
    shutil.copy(first.certificate, certificate)
    shutil.copy(first.key, key)
    tls = open_tls(used)
    assert tls is not None
    async with a_server(setting, tls=tls, mrcp_tls="127.0.0.1:0") as server, a_phone(server.sip) as phone:
        before = fingerprint_of(certificate)
        assert await told_fingerprint(server, phone) == before
        renewed = trustme.CA().issue_cert("127.0.0.1")
        renewed.cert_chain_pems[0].write_to_path(str(certificate))
        assert not tls.reload()
        assert await told_fingerprint(server, phone) == before
        renewed.private_key_pem.write_to_path(str(key))
        assert tls.reload()
        assert await told_fingerprint(server, phone) == fingerprint_of(certificate) != before


async def test_tls_without_a_certificate_is_refused(setting: Setting) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ConfigurationError), flatten_subgroups=True, allow_unwrapped=True):
        async with a_server(setting, mrcp_tls="127.0.0.1:0"):
            pass


async def test_connections_that_never_speak_give_way_to_those_of_calls(setting: Setting) -> None:
    async with a_server(setting, maximum_calls=2) as server, a_phone(server.sip) as phone, AsyncExitStack() as crowd:
        host, port = server.telephone.addresses["mrcp"].rsplit(":", 1)
        for _ in range(2 * (2 + SPARE_CONNECTIONS)):
            stream = await trio.open_tcp_stream(host, int(port))
            crowd.push_async_callback(stream.aclose)
        # The share of one address.
        await until(lambda: server.telephone.control.connections == 2 + SPARE_CONNECTIONS // 2)
        call = await phone.dial()
        await call.recognise()
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        await call.hang_up()


async def test_nobody_from_elsewhere_gets_a_handshake_for_mrcp(
    setting: Setting, certificates: tuple[TlsSettings, ssl.SSLContext]
) -> None:
    tls, elsewhere = open_tls(certificates[0]), ("192.0.2.0/24",)
    async with a_server(setting, tls=tls, mrcp_tls="127.0.0.1:0", allow=elsewhere) as server:
        host, port = server.telephone.addresses["mrcp_tls"].rsplit(":", 1)
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            # It says nothing, and a handshake would wait for it.
            with trio.fail_after(HANDSHAKE_S / 2):
                assert await stream.receive_some(1) == b""


async def test_nobody_from_elsewhere_connects_for_mrcp(setting: Setting) -> None:
    async with a_server(setting, allow=("192.0.2.0/24",)) as server:
        host, port = server.telephone.addresses["mrcp"].rsplit(":", 1)
        stream = await trio.open_tcp_stream(host, int(port))
        async with stream:
            assert await stream.receive_some(1) == b""
