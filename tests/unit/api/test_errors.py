"""Errors and their catalogue."""

from __future__ import annotations

import msgspec
import pytest

from trunkline.api.error_codes import ERROR_CODES
from trunkline.api.errors import ApiError, invalid, missing, not_found


def test_the_body_is_the_documented_one() -> None:
    assert msgspec.json.decode(not_found("/v1/Services/ISx").body()) == {
        "code": 20404,
        "message": "The requested resource /v1/Services/ISx was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def test_detail_and_details_stand_in_the_body_when_given() -> None:
    body = msgspec.json.decode(ApiError(20003, "m", detail="d", details={"k": 1}).body())
    assert (body["message"], body["detail"], body["details"]) == ("m", "d", {"k": 1})
    assert not {"type", "title"} & body.keys()


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_has_a_text_and_a_status_of_an_error(code: int) -> None:
    error = ApiError(code)
    body = msgspec.json.decode(error.body())
    assert 400 <= body["status"] < 600
    assert body["message"] == ERROR_CODES[code].text != ""


@pytest.mark.parametrize("code", [code for code in ERROR_CODES if 20400 <= code < 20600])
def test_a_general_code_that_spells_its_status_has_it(code: int) -> None:
    assert ERROR_CODES[code].status == code - 20000


def test_a_code_outside_the_catalogue_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        ApiError(1)


def test_parameters_are_named() -> None:
    assert invalid("Ttl").message == "Invalid parameter Ttl"
    assert invalid("Ttl", "too long").message == "Invalid parameter Ttl: too long"
    assert missing("To").message == "Missing required parameter To in the post body"
