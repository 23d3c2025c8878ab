"""The bounded inbox between a connection and its readers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from orderfox_nb.feeds.inbox import Inbox, InboxClosed

pytestmark = pytest.mark.feeds


async def test_an_inbox_that_is_full_reports_how_much_was_lost_and_goes_on() -> None:
    inbox: Inbox[str] = Inbox(3, overflow=lambda lost: f"lost {lost}")
    for number in range(5):
        inbox.put(str(number))
    inbox.put_first("first")
    assert [await inbox.get() for _ in range(2)] == ["first", "lost 5"]
    inbox.put("after")
    assert await inbox.get() == "after"
    inbox.close()
    with pytest.raises(InboxClosed):
        await inbox.get()
    assert inbox.dropped == 5


@dataclass(frozen=True)
class Down:
    number: int


@dataclass(frozen=True)
class Up:
    number: int


@dataclass(frozen=True)
class Rebuild:
    number: int


def test_an_inbox_that_is_full_keeps_what_became_of_the_connection() -> None:
    inbox: Inbox[object] = Inbox(3, overflow=lambda lost: f"lost {lost}")
    inbox.put_notice(Up(1))
    for number in range(3):
        inbox.put(str(number))
    inbox.put_notice(Down(1))
    inbox.put("refused")
    inbox.put_notice(Up(2))
    assert [inbox.get_nowait() for _ in range(4)] == ["lost 4", Down(1), Up(2), None]
    inbox.put("after")
    assert inbox.get_nowait() == "after"


def test_no_number_of_notices_pushes_one_of_another_kind_out_of_an_inbox() -> None:
    inbox: Inbox[object] = Inbox(3, overflow=lambda lost: f"lost {lost}")
    inbox.put_notice(Rebuild(1))
    for number in range(1_000):
        inbox.put("an event")
        inbox.put_notice(Down(number))
        inbox.put_notice(Up(number))
    assert len(inbox) <= 4
    read = [inbox.get_nowait() for _ in range(5)]
    assert str(read[0]).startswith("lost ")
    assert read[1:] == [Rebuild(1), Down(999), Up(999), None]


def test_notices_are_read_in_order_and_once_where_nothing_is_lost() -> None:
    inbox: Inbox[object] = Inbox(9, overflow=lambda lost: f"lost {lost}")
    given = [Up(1), "one", Down(1), Up(2), "two", Down(2), Up(3)]
    for item in given:
        if isinstance(item, str):
            inbox.put(item)
        else:
            inbox.put_notice(item)
    assert [inbox.get_nowait() for _ in range(8)] == [*given, None]
    assert inbox.dropped == 0


async def test_an_item_reaches_a_direct_reader_at_once_and_in_order() -> None:
    inbox: Inbox[str] = Inbox(9, overflow=lambda lost: f"lost {lost}")
    read: list[str] = []
    holding = False

    def handle(item: str) -> bool:
        if item == "broken":
            raise ValueError(item)
        if not holding:
            read.append(item)
        return not holding

    inbox.direct = handle
    inbox.put("1")
    assert read == ["1"], "without a turn of the loop"
    holding = True
    inbox.put("2")
    holding = False
    # What waits is read before: also an urgent item that came later.
    inbox.put("3")
    inbox.put_first("urgent")
    inbox.put("4")
    assert read == ["1"]
    assert [await inbox.get() for _ in range(4)] == ["urgent", "2", "3", "4"]
    inbox.put("5")
    assert read == ["1", "5"]
    # What the reader raises is its own, not the writer's.
    inbox.put("broken")
    inbox.put("6")
    assert read == ["1", "5"]
    with pytest.raises(ValueError, match="broken"):
        await inbox.get()
