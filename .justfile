# One command per habit; `just` alone lists them. Without an activated environment: `uv run just <habit>`.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list --unsorted

# run the tests, three at a time; arguments go to pytest
test *args:
    uv run --group browser pytest -n 3 --dist loadgroup {{ args }}

# everything that reads the code without running it
check:
    uv run ruff check .
    uv run ruff format --check .
    uv run mypy
    uv run lint-imports

# fix what can be fixed mechanically
fmt:
    uv run ruff check --fix .
    uv run ruff format .

# run every benchmark beside its baseline, and write docs/performance.md
bench *args:
    uv run python benchmarks/report.py {{ args }}

# broken engines and coordinators that the tests must catch
mutants *args:
    uv run pytest tests/engine tests/simulation -m mutants -n 2 {{ args }}

# a simulated cluster: so many seeds, or one of them again with `--seed N`
sim *args="1000":
    uv run python -m tests.simulation {{ args }}

# real processes killed, paused and wiped at random for so many seconds; every invariant is checked afterwards
chaos seconds="300" *args:
    uv run python -m tests.faults --seconds {{ seconds }} {{ args }}

# the long forms of what CI shows in short, written to docs/proof.md; `just proof poison-item types` for some of them
proof *args:
    uv run python -m tests.proof {{ args }}

# the benchmarks in turns with another commit: `just pairs --against 5893cfe --pairs 20 chain`
pairs *args:
    uv run python benchmarks/pairs.py {{ args }}

# the main job on real data, end to end
demo *args:
    uv run headrace demo {{ args }}

web := "uv run --script coordinator/web/toolchain.py"

# the web UI while it is written: reloads on save, asks the coordinator of `headrace dev` (or HEADRACE_API)
ui *args:
    {{ web }} run vite --port 8500 {{ args }}

# what has to hold of the web UI: types, lint, unit tests, a client that fits the API
ui-check: ui-client-check
    {{ web }} run tsc
    {{ web }} run oxlint --deny-warnings
    {{ web }} run vitest run

# the budgets of the web UI in a real Chromium: sizes, times, elements; fails when one is not kept
ui-budget *args:
    uv run --group browser python benchmarks/ui.py {{ args }}

# make the README's screens anew, in a real Chromium on the demo's data
screenshots *args:
    uv run --group browser python docs/screens/make.py {{ args }}

# write the TypeScript client's types anew from the API's description
ui-client out="coordinator/web/src/api/schema.d.ts":
    mkdir -p coordinator/web/client/.made
    uv run python coordinator/web/client/document.py > coordinator/web/client/.made/openapi.json
    {{ web }} generate .made/openapi.json --default-non-nullable false --output {{ justfile_directory() / out }}

# fail when the client's types are not those of the API
ui-client-check:
    @just ui-client coordinator/web/client/.made/schema.d.ts
    @diff -u coordinator/web/src/api/schema.d.ts coordinator/web/client/.made/schema.d.ts \
        || { echo "the client is stale: run \`just ui-client\`"; exit 1; }

# pin the newest versions our bounds allow, in deploy/requirements.lock and as uv's constraints
lock:
    #!/usr/bin/env python3
    import pathlib, re, subprocess, tempfile
    pyproject, lock = pathlib.Path("pyproject.toml"), pathlib.Path("deploy/requirements.lock")
    block = re.compile(r"(?<=    # lock: begin\n).*?(?=    # lock: end\n)", re.DOTALL)
    with tempfile.TemporaryDirectory() as unpinned:  # the old pins must not hold the new ones back
        pathlib.Path(unpinned, "pyproject.toml").write_text(block.sub("", pyproject.read_text()))
        command = "uv pip compile --quiet --python-version 3.11 --all-extras --group dev --group browser pyproject.toml"
        found = subprocess.run(command.split(), cwd=unpinned, check=True, stdout=subprocess.PIPE, text=True).stdout
    pins = sorted(re.findall(r"^[a-z0-9-]+==[^\s;]+", found, re.MULTILINE))
    lock.write_text("".join(pin + "\n" for pin in pins))
    pyproject.write_text(block.sub("".join(f'    "{pin}",\n' for pin in pins), pyproject.read_text()))
    print(len(pins), "packages pinned")
