"""TwiML for messages: the actions that documents request, their errors, and that no bytes do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.messaging_response import Body, Media, Message, MessagingResponse

from trunkline.products.messaging.receiving.twiml import (
    MAX_CONTENT,
    MessageVerb,
    RedirectVerb,
    TwimlDocument,
    TwimlError,
    TwimlProblem,
    Verb,
    read_twiml,
)
from trunkline.products.messaging.receiving.verbs import MAX_PROBLEMS

URL = "https://app.example.test/sms/in?x=1"
NUMBER = "+14155550100"


def read(content: str | bytes, content_type: str = "text/xml", number: str = NUMBER) -> TwimlDocument:
    """Return the actions that the response requests."""
    return read_twiml(
        content.encode() if isinstance(content, str) else content, content_type, url=URL, number=number
    )


def run(inside: str, number: str = NUMBER) -> tuple[list[Verb], list[int]]:
    """Return the verbs and the problems' codes of a Response with this content."""
    script = read(f"<Response>{inside}</Response>", number=number)
    return list(script.verbs), [problem.code for problem in script.problems]


GOOD: list[tuple[str, list[Verb]]] = [
    ("", []),
    ("<!-- nothing -->", []),
    ("<Message>Hi</Message>", [MessageVerb("Hi")]),
    ("<Message>\n  Hi &amp; <![CDATA[<bye>]]>\n</Message>", [MessageVerb("Hi & <bye>")]),
    ("<Message>Hi <!-- there -->you</Message>", [MessageVerb("Hi you")]),
    ("<Message><Body>Hi</Body></Message>", [MessageVerb("Hi")]),
    ("<Message>\n<Body>Hello </Body>\n<Body>you</Body>\n</Message>", [MessageVerb("Hello you")]),
    (
        "<Message>Hi<Media>https://m.test/a.png</Media></Message>",
        [MessageVerb("Hi", ("https://m.test/a.png",))],
    ),
    ("<Message><Media> /a.png </Media></Message>", [MessageVerb("", ("https://app.example.test/a.png",))]),
    ("<Message><Media>a.png</Media></Message>", [MessageVerb("", ("https://app.example.test/sms/a.png",))]),
    (
        "<Message><Media>https://m.test/1</Media><Media>https://m.test/2</Media></Message>",
        [MessageVerb("", ("https://m.test/1", "https://m.test/2"))],
    ),
    ("<Message>a</Message><Message>b</Message>", [MessageVerb("a"), MessageVerb("b")]),
    ("<Redirect>https://e.test/b</Redirect>", [RedirectVerb("https://e.test/b")]),
    ('<Redirect method="GET">../b</Redirect>', [RedirectVerb("https://app.example.test/b", "GET")]),
    ("<Redirect/>", [RedirectVerb(URL)]),
    (
        "<Message>a</Message><Redirect>b</Redirect><Message>c</Message>",
        [MessageVerb("a"), RedirectVerb("https://app.example.test/sms/b")],
    ),
    ('<Message to="+14155550111">a</Message>', [MessageVerb("a", to="+14155550111")]),
    ('<Message to="(415) 555-0111">a</Message>', [MessageVerb("a", to="+14155550111")]),
    ('<Message to="whatsapp:+14155550111">a</Message>', [MessageVerb("a", to="whatsapp:+14155550111")]),
    ('<Message from="62345">a</Message>', [MessageVerb("a", sender="62345")]),
    ('<Message from="Acme Co">a</Message>', [MessageVerb("a", sender="Acme Co")]),
    (
        '<Message from="+447400123456" to="07400 123457">a</Message>',
        [MessageVerb("a", (), "+447400123457", "+447400123456")],
    ),
    (
        '<Message action="/done" method="get" statusCallback="https://e.test/s#rc=2">a</Message>',
        [
            MessageVerb(
                "a",
                action="https://app.example.test/done",
                method="GET",
                status_callback="https://e.test/s#rc=2",
            )
        ],
    ),
    ('<Message action="">a</Message>', [MessageVerb("a")]),
    ("<Message>" + "a" * 1600 + "</Message>", [MessageVerb("a" * 1600)]),
    ("<Message>😀é</Message>", [MessageVerb("😀é")]),
    ("<Sms>Hi</Sms>", [MessageVerb("Hi")]),
    ("<Sms>a</Sms><Message>b</Message><Sms>c</Sms>", [MessageVerb("a"), MessageVerb("b"), MessageVerb("c")]),
    (
        '<Sms to="+14155550111" from="+14155550112" action="/done" method="GET" statusCallback="/s">a</Sms>',
        [
            MessageVerb(
                "a",
                to="+14155550111",
                sender="+14155550112",
                action="https://app.example.test/done",
                method="GET",
                status_callback="https://app.example.test/s",
            )
        ],
    ),
    (
        "<Sms><Body>a</Body><Media>https://m.test/1</Media></Sms><Redirect>b</Redirect>",
        [MessageVerb("a", ("https://m.test/1",)), RedirectVerb("https://app.example.test/sms/b")],
    ),
]


@pytest.mark.parametrize(("inside", "verbs"), GOOD)
def test_good_documents(inside: str, verbs: list[Verb]) -> None:
    assert run(inside) == (verbs, [])


BAD: list[tuple[str, list[Verb], list[int]]] = [
    ('<Message to="">a</Message><Message>b</Message>', [MessageVerb("b")], [14101]),
    ('<Message to="nobody">a</Message>', [], [14101]),
    ('<Message to="62345">a</Message>', [], [14101]),
    ('<Message from="">a</Message>', [], [14102]),
    ('<Message from="!">a</Message>', [], [14102]),
    ('<Message from="123456789">a</Message>', [], [14102]),
    ("<Message/>", [], [14103]),
    ("<Sms/>", [], [14103]),
    ('<Sms to="nobody">a</Sms>', [], [14101]),
    ("<Sms>a<Number>b</Number></Sms>", [MessageVerb("a")], [12200]),
    ("<sms>a</sms><SMS>b</SMS>", [], [14110, 14110]),
    (
        "<Sms>a</Sms>" * 6 + "<Message>b</Message>" * 5,
        [MessageVerb("a")] * 6 + [MessageVerb("b")] * 4,
        [14109],
    ),
    ("<Message><Body> </Body></Message>", [], [14103]),
    ("<Message>" + "a" * 1601 + "</Message>", [], [14103]),
    ("<Message><Body>" + "a" * 1600 + "</Body><Body>b</Body></Message>", [], [14103]),
    ('<Message method="PUT">a</Message>', [], [14104]),
    ('<Redirect method="">b</Redirect><Message>a</Message>', [MessageVerb("a")], [14104]),
    ('<Message statusCallback="ftp://e.test">a</Message>', [], [14105]),
    ('<Message action="http://">a</Message>', [], [14105]),
    ('<Message action="http://[">a</Message>', [], [14105]),
    ("<Dial>1</Dial><Message>a</Message>", [MessageVerb("a")], [14110]),
    ("<message>a</message>", [], [14110]),
    ("text<Message>a</Message>", [MessageVerb("a")], [12200]),
    ('<Message To="+14155550111">a</Message>', [MessageVerb("a")], [12200]),
    ('<Message>a<Body x="1">b</Body></Message>', [MessageVerb("ab")], [12200]),
    ("<Message>a<b>c</b></Message>", [MessageVerb("a")], [12200]),
    ("<Message><Body>a<b>c</b></Body></Message>", [MessageVerb("a")], [12200]),
    ("<Message>a<Media/></Message>", [MessageVerb("a")], [12200]),
    ("<Message><Media>ftp://e.test</Media></Message>", [], [12200, 14103]),
    ("<Redirect>ftp://e.test</Redirect><Message>a</Message>", [MessageVerb("a")], [12200]),
    ("<Redirect>http://[</Redirect>", [], [12200]),
    (f"<Redirect>/{'a' * 17_000}</Redirect>", [], [12200]),
]


@pytest.mark.parametrize(("inside", "verbs", "codes"), BAD)
def test_bad_verbs_are_left_out_and_told(inside: str, verbs: list[Verb], codes: list[int]) -> None:
    assert run(inside) == (verbs, codes)


def test_at_most_ten_messages() -> None:
    messages = [MessageVerb(str(place)) for place in range(12)]
    inside = "".join(f"<Message>{place}</Message>" for place in range(12))
    assert run(inside) == (messages[:10], [14109])
    assert run(inside + "<Redirect>/b</Redirect>")[0][-1] == RedirectVerb("https://app.example.test/b")
    ten = inside.partition("<Message>10")[0]
    assert run(ten) == (messages[:10], [])
    # What is no message takes no place.
    assert run('<Redirect method="x"/>' + ten) == (messages[:10], [14104])


def test_at_most_ten_media() -> None:
    urls = tuple(f"https://m.test/{place}" for place in range(11))
    inside = "".join(f"<Media>{url}</Media>" for url in urls)
    assert run(f"<Message>{inside}</Message>") == ([MessageVerb("", urls[:10])], [12200])


def test_a_number_without_a_plus_sign_is_of_the_country_that_was_written_to() -> None:
    assert run('<Message to="07400123457">a</Message>', "+447400123456")[0] == [
        MessageVerb("a", to="+447400123457")
    ]
    assert run('<Message to="4155550111">a</Message>', "62345")[0] == [MessageVerb("a", to="+14155550111")]
    found = run('<Message from="Acme" to="07400123457">a</Message>', "+447400123456")[0]
    assert found == [MessageVerb("a", to="+447400123457", sender="Acme")]


def test_namespaces_of_the_document_are_no_problem() -> None:
    opening = (
        '<Response xmlns:xsi="urn:x" xsi:noNamespaceSchemaLocation="twiml.xsd" xmlns="urn:y" xml:lang="en">'
    )
    assert read(opening + "<Message>a</Message></Response>") == TwimlDocument((MessageVerb("a"),))
    assert [one.code for one in read('<Response version="1"/>').problems] == [12200]


def test_problems_are_told_once_and_not_without_end() -> None:
    assert run("<A/>" * 100)[1] == [14110]
    codes = run("".join(f"<A{place}/>" for place in range(500)))[1]
    assert codes == [14110] * MAX_PROBLEMS


def test_problems_say_what_is_wrong() -> None:
    script = read('<Response><Message to="nobody">a</Message></Response>')
    assert script.problems == (TwimlProblem(14101, "to is no number: nobody"),)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/xml",
        "application/xml",
        "text/html",
        "Text/XML; charset=utf-8",
        'text/html;charset="UTF-8"',
        "text/xml;",
    ],
)
def test_content_types_of_twiml(content_type: str) -> None:
    assert read("<Response><Message>é</Message></Response>", content_type).verbs == (MessageVerb("é"),)


def test_the_charset_of_the_header_counts() -> None:
    content = "<Response><Message>é€</Message></Response>"
    assert read(content.encode("cp1252"), "text/xml; charset=windows-1252").verbs == (MessageVerb("é€"),)
    assert read(content, "text/xml; charset=klingon").verbs == (MessageVerb("é€"),)
    assert read("é€".encode("iso-8859-15"), "text/plain; charset=iso-8859-15").verbs == (MessageVerb("é€"),)


@pytest.mark.parametrize(
    ("content", "verbs"),
    [
        (b"Hello <you> & all", (MessageVerb("Hello <you> & all"),)),
        (b"  Hi\n", (MessageVerb("Hi"),)),
        ("\ufeffé😀".encode(), (MessageVerb("é😀"),)),
        (b"a\x00b", (MessageVerb("ab"),)),
        (b"a\xffb", (MessageVerb("a\ufffdb"),)),
        (b"<Response/>", (MessageVerb("<Response/>"),)),
        (b"\x00", ()),
        (b" \n", ()),
    ],
)
def test_plain_text_is_the_reply(content: bytes, verbs: tuple[Verb, ...]) -> None:
    assert read(content, "text/plain; charset=utf-8") == TwimlDocument(verbs)


def test_plain_text_may_be_too_long() -> None:
    assert [one.code for one in read("a" * 1601, "text/plain").problems] == [14103]


@pytest.mark.parametrize("content_type", ["text/xml", "text/plain", "application/json", ""])
@pytest.mark.parametrize("content", [b"", b"\r\n "])
def test_an_empty_answer_asks_for_nothing(content: bytes, content_type: str) -> None:
    assert read(content, content_type) == TwimlDocument()


@pytest.mark.parametrize(
    ("content", "content_type", "code"),
    [
        ("<Response>", "text/xml", 12100),
        ("Hello", "text/html", 12100),
        ("<!DOCTYPE html><html></html>", "text/html", 12100),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response>&x;</Response>', "text/xml", 12100),
        ("<Response>" + "<Message>" * 40 + "</Message>" * 40 + "</Response>", "text/xml", 12100),
        ('<?xml version="1.1"?><Response/>', "text/xml", 12101),
        ("<response/>", "text/xml", 12102),
        ("<html/>", "text/html", 12102),
        ("{}", "application/json", 12300),
        ("x", "", 12300),
        ("x", "text/css", 12300),
        (" " * (MAX_CONTENT + 1), "text/xml", 11750),
    ],
)
def test_what_is_no_twiml(content: str, content_type: str, code: int) -> None:
    with pytest.raises(TwimlError) as error:
        read(content, content_type)
    assert error.value.code == code
    assert error.value.text


def test_the_largest_answer() -> None:
    start, end = "<Response><Message>Hi</Message>", "</Response>"
    assert read(start + " " * (MAX_CONTENT - len(start + end)) + end).verbs == (MessageVerb("Hi"),)


def test_what_the_sdk_builds() -> None:
    response = MessagingResponse()
    message = Message(
        action="https://e.test/a?x=1&y=2",
        from_="+14155550100",
        method="POST",
        to="+14155550111",
        status_callback="https://e.test/s",
    )
    message.append(Body("Hi “you” & all <3"))
    message.append(Media("https://m.test/a.png?b=1&c=2"))
    response.append(message)
    response.message("second")
    response.redirect("https://e.test/more", method="GET")
    assert read(str(response)) == TwimlDocument(
        (
            MessageVerb(
                "Hi “you” & all <3",
                ("https://m.test/a.png?b=1&c=2",),
                "+14155550111",
                "+14155550100",
                "https://e.test/a?x=1&y=2",
                "POST",
                "https://e.test/s",
            ),
            MessageVerb("second"),
            RedirectVerb("https://e.test/more", "GET"),
        )
    )


PIECES = st.sampled_from(
    [
        "<Response>",
        "</Response>",
        "<Message>",
        '<Message to="1" from="x" method="GET" action="[">',
        "</Message>",
        "<Body>",
        "</Body>",
        "<Media>http://[",
        "</Media>",
        '<Redirect method="é">',
        "</Redirect>",
        "<!DOCTYPE a>",
        "&amp;",
        "é",
        "x",
    ]
)
CONTENTS = st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(
    lambda pieces: "".join(pieces).encode()
)
WHOLE = CONTENTS.map(lambda content: b"<Response>" + content + b"</Response>")
TYPES = st.sampled_from(
    ["text/xml", "text/plain", "text/xml; charset=utf-16", "text/html; charset=ascii"]
) | st.text(max_size=20)


def outcome(content: bytes, content_type: str, number: str) -> TwimlDocument | int:
    """Return the actions that the response requests, or the code of its error."""
    try:
        return read(content, content_type, number)
    except TwimlError as error:
        return error.code


@given(CONTENTS | WHOLE, TYPES, st.sampled_from([NUMBER, "", "x"]))
def test_nothing_else_is_raised(content: bytes, content_type: str, number: str) -> None:
    found = outcome(content, content_type, number)
    assert isinstance(found, TwimlDocument) or found in (12100, 12101, 12102, 12300)
