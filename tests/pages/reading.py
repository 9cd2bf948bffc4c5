"""Reads a page as a browser without script would: the fields of its form, and what stands where."""

from html.parser import HTMLParser

_VOID = frozenset({"input", "meta", "link", "br", "img", "hr", "wbr"})


class Page(HTMLParser):
    """A parsed page. `fields` is what its last form with a field would send, buttons aside."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.buttons: list[str] = []  # "name=value" of submit buttons that have a name
        self.options: dict[str, list[tuple[str, str]]] = {}
        self._texts: list[tuple[tuple[tuple[str, int], ...], str]] = []
        self._open: list[tuple[str, str, int]] = []
        self._elements = 0
        self._select = ""
        self._option: str | None = None
        self._area: str | None = None
        self._templates = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag not in _VOID:
            mark = " ".join([tag, *(f".{c}" for c in found.get("class", "").split())])
            mark += f" #{found['id']}" if "id" in found else ""
            self._elements += 1
            self._open.append((tag, mark, self._elements))
        if tag == "template":
            self._templates += 1
        if self._templates:
            return
        name = found.get("name", "")
        if tag == "input" and name and found.get("type") not in ("radio", "checkbox"):
            self.fields[name] = found.get("value", "")
        elif tag == "input" and name and "checked" in found:
            self.fields[name] = found.get("value", "on")
        elif tag == "select":
            self._select = name
            self.options[name] = []
        elif tag == "option":
            self._option = found.get("value", "")
            self.options[self._select].append((self._option, ""))
            if self._select not in self.fields or "selected" in found:
                self.fields[self._select] = self._option
        elif tag == "textarea":
            self._area = name
            self.fields[name] = ""
        elif tag == "button" and name:
            self.buttons.append(f"{name}={found.get('value', '')}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        if tag == "option":
            self._option = None
        if tag == "textarea" and self._area is not None:
            self.fields[self._area] = self.fields[self._area].removeprefix("\n")
            self._area = None
        while self._open:
            opened, _, _ = self._open.pop()
            if opened == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._templates:
            return
        if self._area is not None:
            self.fields[self._area] += data
        elif self._option is not None:
            value, text = self.options[self._select].pop()
            self.options[self._select].append((value, text + data))
        if data.strip():
            path = tuple((mark, serial) for _, mark, serial in self._open)
            self._texts.append((path, " ".join(data.split())))

    def text(self, mark: str) -> list[str]:
        """The words in each element with this class (".conflict") or id ("#hours"), in order;
        in one that stands within another of the kind they are those of the outer one."""
        found: dict[int, list[str]] = {}
        for path, words in self._texts:
            outer = next((serial for one, serial in path if mark in one.split()), None)
            if outer is not None:
                found.setdefault(outer, []).append(words)
        return [" ".join(words) for words in found.values()]
