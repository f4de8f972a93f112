"""``make resource ARGS="sync widgets WD"``: a new resource of a Service, its migration, its floor and its test.

The resource has a name and nothing else: it passes ``make check`` as written, and each part of it is in the place
where the real one belongs. ``docs/development/resource.md`` lists what remains.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rules.source import ROOT

MODULE = '''"""{Names} ({PREFIX}…): {purpose}."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.operation import Call, Empty, Operation, create, delete, fetch, listing, update
from trunkline.api.params import required, text
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import update_row
from trunkline.core.storage.database import Row, Tx, columns


class Create{Name}(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a new {Name}."""

    friendly_name: Annotated[str, text(1, 255), required()]


class Update{Name}(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of an update."""

    friendly_name: Annotated[str, text(1, 255), required()]


class {Name}(Row, frozen=True):
    """A row of ``{product}_{names}``."""

    sid: str
    account_sid: str
    service_sid: str
    friendly_name: str
    date_created: int
    date_updated: int


def view({name}: {Name}, urls: Urls) -> Json:
    """Return the {Name} resource."""
    return {{
        "sid": {name}.sid,
        "account_sid": {name}.account_sid,
        "service_sid": {name}.service_sid,
        "friendly_name": {name}.friendly_name,
        "date_created": iso({name}.date_created),
        "date_updated": iso({name}.date_updated),
        "url": urls.to("Services", {name}.service_sid, "{Names}", {name}.sid),
    }}


async def create_{name}(tx: Tx, call: Call[Create{Name}]) -> {Name}:
    """Create a {Name}. Raise ApiError 20404 if the Service is unknown."""
    service_sid = await _service(tx, call.account_sid, call.path["ServiceSid"])
    {name} = {Name}(
        sid=new_sid("{PREFIX}"),
        account_sid=call.account_sid,
        service_sid=service_sid,
        friendly_name=call.input.friendly_name,
        date_created=tx.now,
        date_updated=tx.now,
    )
    await tx.insert("{product}_{names}", {name})
    return {name}


async def fetch_{name}(tx: Tx, call: Call[Empty]) -> {Name} | None:
    """Find a {Name}."""
    return await find(tx, call.account_sid, call.path["ServiceSid"], call.path["Sid"])


async def page_{names}(tx: Tx, call: Call[Empty]) -> list[{Name}]:
    """List the {Names} of a Service, oldest first. Raise ApiError 20404 if the Service is unknown."""
    service_sid = await _service(tx, call.account_sid, call.path["ServiceSid"])
    return await tx.all(
        {Name},
        f"SELECT {{columns({Name})}} FROM {product}_{names}"
        f" WHERE service_sid = :service_sid AND account_sid = :account_sid {{call.window.tail}}",
        service_sid=service_sid,
        account_sid=call.account_sid,
        **call.window.values,
    )


async def update_{name}(tx: Tx, call: Call[Update{Name}]) -> {Name} | None:
    """Set the name of a {Name}."""
    {name} = await find(tx, call.account_sid, call.path["ServiceSid"], call.path["Sid"])
    if {name} is None:
        return None
    changes = {{"friendly_name": call.input.friendly_name, "date_updated": tx.now}}
    await update_row(tx, "{product}_{names}", call.account_sid, {name}.sid, changes)
    return msgspec.structs.replace({name}, **changes)


async def delete_{name}(tx: Tx, call: Call[Empty]) -> bool:
    """Remove a {Name} and return whether there was one."""
    gone = await tx.run(
        "DELETE FROM {product}_{names}"
        " WHERE sid = :sid AND service_sid = :service_sid AND account_sid = :account_sid",
        sid=call.path["Sid"],
        service_sid=call.path["ServiceSid"],
        account_sid=call.account_sid,
    )
    return bool(gone)


async def find(tx: Tx, account_sid: str, service_sid: str, sid: str) -> {Name} | None:
    """Return a {Name} of this Service, or None."""
    return await tx.one(
        {Name},
        f"SELECT {{columns({Name})}} FROM {product}_{names}"
        " WHERE sid = :sid AND service_sid = :service_sid AND account_sid = :account_sid",
        sid=sid,
        service_sid=service_sid,
        account_sid=account_sid,
    )


async def _service(tx: Tx, account_sid: str, sid: str) -> str:
    """Return the SID of the Service. Raise ApiError 20404 if it is not the account's."""
    found = await tx.value(
        "SELECT 1 FROM {product}_services WHERE sid = :sid AND account_sid = :account_sid",
        sid=sid,
        account_sid=account_sid,
    )
    if found is None:
        raise ApiError(20404)
    return sid


_ALL = "/Services/{{ServiceSid}}/{Names}"
_ONE = f"{{_ALL}}/{{{{Sid}}}}"

OPERATIONS: tuple[Operation, ...] = (
    create(_ALL, create_{name}, view, Create{Name}),
    listing(_ALL, "{names}", page_{names}, view),
    fetch(_ONE, fetch_{name}, view),
    update(_ONE, update_{name}, view, Update{Name}),
    delete(_ONE, delete_{name}),
)
'''

TEST = '''"""{Names} of {product} over the API."""

from __future__ import annotations

from api.conftest import Api, assert_error

SERVICES = "/{product}/{version}/Services"


def test_a_{name}_is_created_fetched_updated_and_deleted(api: Api) -> None:
    service = api.post(SERVICES, {{"FriendlyName": "{names}"}}).json()["sid"]
    {names} = f"{{SERVICES}}/{{service}}/{Names}"
    created = api.post({names}, {{"FriendlyName": "first"}})
    assert created.status_code == 201
    sid = created.json()["sid"]
    assert sid.startswith("{PREFIX}")
    assert [one["sid"] for one in api.get({names}).json()["{names}"]] == [sid]
    api.clock.advance(60)
    changed = api.post(f"{{{names}}}/{{sid}}", {{"FriendlyName": "second"}}).json()
    assert changed["date_updated"] > changed["date_created"]
    assert api.get(f"{{{names}}}/{{sid}}").json() == changed
    assert api.delete(f"{{{names}}}/{{sid}}").status_code == 204
    assert_error(api.get(f"{{{names}}}/{{sid}}"), 404, 20404)


def test_an_unknown_service_has_no_{names}(api: Api) -> None:
    assert_error(api.get(f"{{SERVICES}}/IS{{32 * '0'}}/{Names}"), 404, 20404)
'''

MIGRATION = '''
    Migration(
        "{product}",
        {number},
        (
            """CREATE TABLE {product}_{names} (
                sid TEXT PRIMARY KEY,
                account_sid TEXT NOT NULL,
                service_sid TEXT NOT NULL REFERENCES {product}_services (sid) ON DELETE CASCADE,
                friendly_name TEXT NOT NULL,
                date_created BIGINT NOT NULL,
                date_updated BIGINT NOT NULL
            )""",
            # {names}.page_{names}
            "CREATE INDEX {product}_{names}_by_service ON {product}_{names} (service_sid, date_created, sid)",
        ),
    ),
)
'''


USAGE = (
    'name the product, the resource in the plural and its SID prefix: make resource ARGS="sync widgets WD"'
)


class CannotWrite(RuntimeError):
    """Nothing was written; the text is the reason."""


def _replaced(path: Path, pattern: str, text: str) -> str:
    """Return the text of the file with the last match of ``pattern`` expanded to ``text``. Raise CannotWrite."""
    before = path.read_text("utf-8")
    if not (found := list(re.finditer(pattern, before, re.MULTILINE))):
        raise CannotWrite(f"{path} has no {pattern}")
    match = found[-1]
    return before[: match.start()] + match.expand(text) + before[match.end() :]


def _names(product: str, names: str, prefix: str) -> dict[str, str]:
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*s", names) or not re.fullmatch(r"[A-Z]{2}", prefix):
        raise CannotWrite(USAGE)
    plural = "".join(word.capitalize() for word in names.split("_"))
    single = names[:-3] + "y" if names.endswith("ies") else names[:-1]
    singular = plural[:-3] + "y" if names.endswith("ies") else plural[:-1]
    return {
        "product": product,
        "names": names,
        "name": single,
        "Names": plural,
        "Name": singular,
        "PREFIX": prefix,
        "version": "v2" if product == "chat" else "v1",
    }


def resource(root: Path, product: str, names: str, prefix: str) -> list[Path]:
    """Write a resource into the checkout at ``root`` and return its files. Raise CannotWrite before writing any."""
    words = _names(product, names, prefix)
    folder = root / "src/trunkline/products" / product
    module, schema, init = folder / f"{names}.py", folder / "schema.py", folder / "__init__.py"
    test, floors = root / f"tests/api/test_{product}_{names}.py", root / "tests/rules/test_floors.py"
    if not schema.exists() or not (folder / "services.py").exists():
        raise CannotWrite(f"{product} has no Services")
    if module.exists() or test.exists():
        raise CannotWrite(f"{module} or {test} exists")
    numbers = re.findall(rf'Migration\(\s*"{product}",\s*(\d+)', schema.read_text("utf-8"))
    migration = MIGRATION.format(**words, number=max(map(int, numbers)) + 1).lstrip("\n")
    mounted = (
        _replaced(
            init, r"(?<=\*)services\.(?:OPERATIONS|operations\w*\([^()]*\))", rf"\g<0>, *{names}.OPERATIONS"
        )
        if "*services." in init.read_text("utf-8")
        else _replaced(init, r"(?<== )services\.operations\([^()]*\)$", rf"(*\g<0>, *{names}.OPERATIONS)")
    )
    imported = mounted.replace(
        "\nfrom trunkline.products.manifest",
        f"\nfrom trunkline.products.{product} import {names}\nfrom trunkline.products.manifest",
        1,
    )
    written = {
        module: MODULE.format(**words, purpose="resources of a Service"),
        test: TEST.format(**words),
        schema: _replaced(
            schema, r"^(MIGRATIONS = \((?:.|\n)*?)^\)\n", r"\g<1>" + migration.replace("\\", r"\\")
        ),
        init: imported,
        floors: _replaced(floors, rf'^    "{product}": \((?:.|\n)*?"services"', rf'\g<0>, "{names}"'),
    }
    for path, text in written.items():
        path.write_text(text, "utf-8")
    return list(written)


def formatted(root: Path, paths: list[Path]) -> None:
    """Sort the imports of the files and format them. Raise CalledProcessError if ruff finds another fault."""
    names = [str(path) for path in paths]
    for command in (["check", "-q", "--fix"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *names], cwd=root, check=True)


def main(arguments: list[str]) -> int:
    """Write the resource that the command line names, and print its files and what remains."""
    try:
        if len(arguments) != 3:
            raise CannotWrite(USAGE)
        paths = resource(ROOT, *arguments)
    except CannotWrite as error:
        print(f"make resource: {error}", file=sys.stderr)
        return 2
    formatted(ROOT, paths)
    print("\n".join([*(str(path.relative_to(ROOT)) for path in paths), "Next: docs/development/resource.md"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
