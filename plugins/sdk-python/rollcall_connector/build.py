"""`rollcall-componentize FILE.py`: makes the component, with the manifest sealed into it.

It takes the `connector.toml` beside the file, and writes `FILE.wasm` there. The component imports what the manifest asks
for and nothing else of the contract.
"""

import argparse
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

SECTION = b"rollcall:manifest"
CAPABILITIES = ("http", "ldap", "files")
HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes a connector for rollcall of a Python file.")
    parser.add_argument("file", type=Path, help="the file with the class below `Connector`")
    parser.add_argument("--manifest", type=Path, help="the manifest (default: `connector.toml` beside the file)")
    parser.add_argument("--output", type=Path, help="the component (default: the file's name with `.wasm`)")
    given = parser.parse_args()
    file = given.file.resolve()
    manifest = given.manifest or file.with_name("connector.toml")
    output = given.output or file.with_suffix(".wasm")
    try:
        sealed = manifest.read_bytes()
        asked = [name for name in CAPABILITIES if tomllib.loads(sealed.decode()).get("grant", {}).get(name)]
        component = _component(file, asked)
    except (OSError, ValueError) as error:
        print(f"rollcall-componentize: {error}", file=sys.stderr)
        return 1
    output.write_bytes(component + _section(SECTION, sealed))
    print(f"{output}: {output.stat().st_size} bytes")
    return 0


def _component(file: Path, asked: list[str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "wit/deps/contract").mkdir(parents=True)
        (work / "wit/deps/contract/connector.wit").write_bytes((HERE / "connector.wit").read_bytes())
        imports = "".join(f" import rollcall:connector/{name}@0.1.0;" for name in asked)
        world = f"package rollcall:partner;\nworld made {{ include rollcall:connector/connector@0.1.0;{imports} }}\n"
        (work / "wit/made.wit").write_text(world)
        # The compiler takes functions from the program, and an interface's resources from the module of its name.
        (work / "program").mkdir()
        (work / "program/made.py").write_text(
            f"import {file.stem}\nfrom rollcall_connector.export import Directory\n"
        )
        (work / "program/directory.py").write_text("from rollcall_connector.export import Listing\n")
        made = work / "made.wasm"
        compiler = Path(sysconfig.get_path("scripts")) / "componentize-py"
        command = [compiler, "-q", "-d", work / "wit", "-w", "made", "componentize", "made", "-o", made]
        for path in (work / "program", file.parent, HERE.parent):
            command += ["-p", path]
        compiled = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if compiled.returncode != 0:
            raise ValueError(_told(compiled.stderr))
        sys.stderr.write(compiled.stderr)
        return made.read_bytes()


def _told(said: str) -> str:
    """Says what a message of the compiler means, where that is known; its own stack is of no use to anybody."""
    if missing := re.search(r"cannot import name '(http|ldap|files)' from 'wit_world\.imports'", said):
        name = missing[1]
        return (
            f"the connector uses `{name}`, which its manifest does not ask for: "
            f"write `[[grant.{name}]]` into connector.toml"
        )
    said = said.split("\n\nCaused by:")[0].split("\nStack backtrace:")[0]
    return said.rpartition("AssertionError: ")[2].strip() or "the compiler failed and said nothing"


def _section(name: bytes, data: bytes) -> bytes:
    """Gives a custom section, which a component may have at its end (Component Model, binary format)."""
    body = _leb(len(name)) + name + data
    return b"\0" + _leb(len(body)) + body


def _leb(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


if __name__ == "__main__":
    sys.exit(main())
