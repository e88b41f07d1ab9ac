import pytest

from gateway.backend.graph import batch
from gateway.errors import Unavailable


def test_request():
    assert batch.request("POST", ["/a", "/b"], {"Prefer": "x"}, {"to": 1}) == {
        "requests": [
            {
                "id": place,
                "method": "POST",
                "url": url,
                "headers": {"Prefer": "x", "Content-Type": "application/json"},
                "body": {"to": 1},
            }
            for place, url in [("0", "/a"), ("1", "/b")]
        ]
    }
    (part,) = batch.request("GET", ["/a"], {"Prefer": "x"})["requests"]
    assert "body" not in part
    assert part["headers"] == {"Prefer": "x"}


def test_outcomes_by_id_in_any_order():
    error = {"error": {"code": "ErrorItemNotFound", "message": "…"}}
    parts = batch.outcomes(
        {
            "responses": [
                {"id": "2", "status": 404, "body": error},
                {"id": "0", "status": 201, "body": {"id": "m"}},
                {"id": "3", "status": 429, "headers": {"Retry-After": "7"}, "body": {}},
            ]
        },
        4,
    )
    assert [part.done for part in parts] == [True, False, False, False]
    assert [part.gone for part in parts] == [False, False, True, False]
    assert [part.busy for part in parts] == [False, False, False, True]
    assert parts[3].retry_after == 7
    assert parts[1] == batch.Part()


def test_another_404_is_not_a_message_that_is_gone():
    error = {"error": {"code": "ErrorInvalidUser"}}
    answer = {"responses": [{"id": "0", "status": 404, "body": error}]}
    (part,) = batch.outcomes(answer, 1)
    assert not part.gone


@pytest.mark.parametrize(
    "told",
    [
        {"id": "5", "status": 200},
        {"id": "-1", "status": 200},
        {"id": 0, "status": 200},
        {"id": "9" * 5000, "status": 200},
        {"id": "0", "status": "200"},
        {"id": "0", "status": True},
        "0",
        None,
    ],
)
def test_what_says_nothing_is_no_success(told):
    assert not batch.outcomes({"responses": [told]}, 1)[0].done


@pytest.mark.parametrize("answer", [None, [], {}, {"responses": {}}, {"responses": None}])
def test_no_answer_to_a_batch(answer):
    with pytest.raises(Unavailable):
        batch.outcomes(answer, 1)


@pytest.mark.parametrize("body", [None, [], {}, {"error": None}, {"error": {"code": 5}}])
def test_no_code(body):
    assert batch.error_code(body) == ""
