"""docs/cameras.md shows the matrix of quirks as it is."""

from pathlib import Path

from tests.interop.quirks import as_table

PAGE = (Path(__file__).parent.parent.parent / "docs" / "cameras.md").read_text()


def test_the_page_shows_every_quirk() -> None:
    shown = PAGE.partition("<!-- quirks -->\n")[2].partition("\n<!-- /quirks -->")[0]
    assert shown == as_table()
