"""Build the engine library: the @pure functions, compiled by numba and LLVM into one small shared object (D2).

    python -m safla.compiled.builder --to FOLDER [--target x86_64-linux]

It needs numba and a linker (`cc`, else the package ziglang), so it runs in an environment of its own (environment.py).
Running safla needs none of it.
"""

import argparse
import ast
import importlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from safla.compiled import library
from safla.compiled.library import ABI, LIBRARY, MANIFEST, PACKAGE, Record, Signature, size_of
from safla.core.pure import ENTRY_POINTS, PURE, entry_point_name
from safla.core.values import ArrayType

# The modules with entry points. A module that they import is found by itself.
MODULES = (
    "safla.core.engine",
    "safla.journal.candle_lines",
    "safla.journal.event_bytes",
    "safla.metrics.trades",
    "safla.strategies.register",
    "safla.strategies.indicators.register",
)


class Platform(NamedTuple):
    """A platform for which a library can be made."""

    platform: str  # as library.platform_name() says
    triple: str  # of LLVM
    zig: str  # of the linker of ziglang


PLATFORMS = {
    "x86_64-linux": Platform("linux-x86_64", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu.2.17"),
    # Emitted and linked, but no machine of these has run the golden journals yet.
    "x86_64-linux-musl": Platform("linux-x86_64", "x86_64-unknown-linux-musl", "x86_64-linux-musl"),
    "aarch64-linux": Platform("linux-aarch64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu.2.17"),
    "aarch64-linux-musl": Platform("linux-aarch64", "aarch64-unknown-linux-musl", "aarch64-linux-musl"),
    "x86_64-macos": Platform("darwin-x86_64", "x86_64-apple-macosx11.0", "x86_64-macos.11.0"),
    "aarch64-macos": Platform("darwin-arm64", "arm64-apple-macosx11.0", "aarch64-macos.11.0"),
}


def build(target: str, folder: Path) -> Path:
    """Build the library for a target into a folder, with its manifest. Returns its path.

    Both files are replaced at the end, the manifest last: a process that reads meanwhile finds the old library, the new
    one, or none. OSError and CalledProcessError where the linker is missing or fails.
    """
    goal = PLATFORMS[target]
    for module in MODULES:
        importlib.import_module(module)
    built = _object_code(goal)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as work:
        compiled, linked = Path(work) / "engine.o", Path(work) / LIBRARY
        compiled.write_bytes(built)
        subprocess.run([*_linker(goal), "-shared", "-o", str(linked), str(compiled)], check=True)  # noqa: S603
        linked.chmod(0o644)
        manifest = Path(work) / MANIFEST
        manifest.write_text(json.dumps(_manifest(goal, library.seal(linked)), indent=2) + "\n", "utf-8")
        manifest.chmod(0o644)
        (folder / MANIFEST).unlink(missing_ok=True)
        os.replace(linked, folder / LIBRARY)
        os.replace(manifest, folder / MANIFEST)
    return folder / LIBRARY


def _manifest(goal: Platform, seal: str) -> dict[str, Any]:
    """What engine.json says: where the functions and the constants that they read come from, each with its hash."""
    modules = {module for function in PURE for module in (function.__module__, *_constants(function))}
    sources = {Path(str(sys.modules[name].__file__)).relative_to(PACKAGE).as_posix() for name in modules}
    sources.add("compiled/builder.py")  # for its list of modules
    return {
        "abi": ABI,
        "platform": goal.platform,
        "entries": [entry_point_name(function) for function in ENTRY_POINTS],
        "sources": {name: library.source_hash(name) for name in sorted(sources)},
        "library": seal,
    }


def _constants(function: Callable[..., Any]) -> set[str]:
    """The modules of safla from which the module of a function imports the names that the function uses."""
    tree = ast.parse(inspect.getsource(sys.modules[function.__module__]))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    origins = {alias.asname or alias.name: (str(node.module), alias.name) for node in imports for alias in node.names}
    found = set()
    for name in function.__code__.co_names:
        module, original = origins.get(name, ("", ""))
        found |= {f"{module}.{original}", module} & set(sys.modules) if module.startswith("safla") else set()
    return found


def _object_code(goal: Platform) -> bytes:
    """The object file of all entry points: one LLVM module, in which all else is internal and inlined."""
    # Before numba is imported: code for any processor of the kind, not only for the one that builds.
    os.environ["NUMBA_CPU_NAME"], os.environ["NUMBA_CPU_FEATURES"] = "generic", ""
    import llvmlite.binding as llvm
    from numba.extending import register_jitable

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for function in PURE:
        register_jitable(function)
    modules = [_module(llvm, function) for function in ENTRY_POINTS]
    whole, *others = modules
    for other in others:
        whole.link_in(other)
    machine = llvm.Target.from_triple(goal.triple).create_target_machine(
        cpu="generic", features="", opt=3, reloc="pic", codemodel="default"
    )
    whole.triple, whole.data_layout = goal.triple, str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(whole, passes)
    code: bytes = machine.emit_object(whole)
    return code


def _module(llvm: Any, function: Callable[..., Any]) -> Any:
    """The LLVM module of one entry."""
    from numba import njit, types

    compiled = njit(types.int64(types.int64), nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(
        _wrapper(function)
    )
    signature = compiled.signatures[0]
    module = llvm.parse_assembly(compiled.inspect_llvm(signature))
    name = compiled.overloads[signature].fndesc.llvm_func_name
    for inner in module.functions:
        if not inner.is_declaration and inner.name != name:
            inner.linkage = "internal"
            inner.add_function_attribute("alwaysinline")
    for variable in module.global_variables:
        if not variable.is_declaration and variable.linkage not in (llvm.Linkage.private, llvm.Linkage.internal):
            variable.linkage = "internal"
    module.get_function(name).name = library.symbol(entry_point_name(function))
    return module


def _wrapper(function: Callable[..., Any]) -> Callable[[int], int]:
    """A function of the address of cells (compiled/library.py) that calls an entry with what lies in them."""
    from numba import carray

    signature = Signature(function)
    names: dict[str, Any] = {"carray": carray, "function": function, **_pointers()}
    cells = iter(range(1_000_000))
    arguments = [_expression(kind, cells, names) for kind in signature.parameters]
    first = next(cells)
    size = first + size_of(signature.result)
    lines = [
        "def wrapper(address):",
        f"    numbers = carray(int64_pointer(address), ({size},))",
        f"    floats = carray(float64_pointer(address), ({size},))",
        f"    answer = function({', '.join(arguments)})",
        *(f"    {line}" for line in _results(signature.result, first)),
        "    return 0",
    ]
    exec("\n".join(lines), names)  # noqa: S102 - the text is made of the annotations of our own functions
    wrapper: Callable[[int], int] = names["wrapper"]
    return wrapper


def _expression(kind: Any, cells: Iterator[int], names: dict[str, Any]) -> str:
    """The source that reads a value out of the next cells."""
    if kind is int:
        return f"numbers[{next(cells)}]"
    if kind is float:
        return f"floats[{next(cells)}]"
    if isinstance(kind, ArrayType):
        address = next(cells)
        shape = "".join(f"numbers[{next(cells)}], " for _ in range(kind.dimensions))
        return f"carray({kind.dtype}_pointer(numbers[{address}]), ({shape}))"
    assert isinstance(kind, Record), "there are no other types"
    name = kind.cls.__name__
    assert names.setdefault(name, kind.cls) is kind.cls, f"two types are called {name}"
    return f"{name}({', '.join(_expression(field, cells, names) for field in kind.fields)})"


def _results(kind: Any, first: int) -> Iterator[str]:
    """The source that writes the answer into the cells from the first one on."""
    if kind in (int, float):
        yield f"{'numbers' if kind is int else 'floats'}[{first}] = answer"
    elif kind is not None:
        for place, field in enumerate(kind.fields):
            assert field in (int, float), "a result is a number, or a NamedTuple of numbers"
            yield f"{'numbers' if field is int else 'floats'}[{first + place}] = answer[{place}]"


def _pointers() -> dict[str, Any]:
    """Functions for compiled code that make a pointer of an address, by the name of what it points to."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def pointer_to(element: Any, size: Any) -> Any:
        def pointer(_typing: Any, address: Any) -> Any:
            def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                return builder.inttoptr(arguments[0], size.as_pointer())

            return types.CPointer(element)(address), generate

        return intrinsic(pointer)

    kinds = {"int64": (types.int64, ir.IntType(64)), "int8": (types.int8, ir.IntType(8))}
    kinds["float64"] = (types.float64, ir.DoubleType())
    return {f"{name}_pointer": pointer_to(*kind) for name, kind in kinds.items()}


def _linker(goal: Platform) -> list[str]:
    """The linker: `cc` for this platform, else the one of ziglang, which can link for every platform."""
    alone = [] if "apple" in goal.triple else ["-nostdlib"]  # on macOS each library names that of the system
    if goal.platform == library.platform_name() and "musl" not in goal.triple and (found := shutil.which("cc")):
        return [found, *alone]
    return [sys.executable, "-m", "ziglang", "cc", "-target", goal.zig, *alone]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the engine library.")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    here = next((name for name, target in PLATFORMS.items() if target.platform == library.platform_name()), None)
    parser.add_argument("--target", choices=PLATFORMS, default=here, required=here is None)
    options = parser.parse_args()
    sys.stdout.write(f"{build(options.target, options.to)}\n")


if __name__ == "__main__":
    main()
