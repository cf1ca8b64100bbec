"""The scripts of a page as one, for a page that is saved: each module becomes a function.

It knows what our modules use: `import { a, b as c } from "./x.js";` and `export` before a
declaration of one name.
"""

from __future__ import annotations

import re

from . import assets

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";$', re.M)
_EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.M)


def bundle(entry: str) -> str:
    """A script that does what the module `entry` and all that it imports do."""
    parts = ["const modules = {};\n"]
    done: list[str] = []

    def add(name: str) -> None:
        if name in done:
            return
        text = assets.files()[name].decode()
        for match in _IMPORT.finditer(text):
            add(match[2])
        done.append(name)
        parts.append(_as_function(name, text, is_entry=name == entry))

    add(entry)
    return "".join(parts)


def _as_function(name: str, text: str, *, is_entry: bool) -> str:
    exported = _EXPORT.findall(text)
    body = _IMPORT.sub(_from_modules, text)
    body = re.sub(r"^export ", "", body, flags=re.M)
    if is_entry:
        return f"await (async () => {{\n{body}}})();\n"
    return f'modules["{name}"] = (() => {{\n{body}return {{ {", ".join(exported)} }};\n}})();\n'


def _from_modules(match: re.Match[str]) -> str:
    names = match[1].replace(" as ", ": ")
    return f'const {{{names}}} = modules["{match[2]}"];'
