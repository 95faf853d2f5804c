# Recipes of copycost; `just` lists them. Settings such as COPYCOST_MTU=9000 (see compose.yaml) come from the
# environment or from a file .env beside this one.

set dotenv-load

lab := "lab/lab.sh"
swarm := "lab/swarm/swarm.sh"
k8s := "lab/kubernetes/kubernetes.sh"

_list:
    @{{ just_executable() }} --list --unsorted

# Build the container image, from a binary built here where cargo is, else inside Docker
[group('container lab')]
image HOW="auto":
    @{{ lab }} image {{ HOW }}

# Bring up sender, receiver and both wires, or repair them; `privileged` where the host refuses named rights
[group('container lab')]
lab-up MODE="":
    @{{ lab }} up {{ MODE }}
    @{{ lab }} status

# Show what is there
[group('container lab')]
lab-status:
    @{{ lab }} status

# Say what the agents' containers can do: counters, x-ray, zero-copy
[group('container lab')]
doctor:
    @{{ lab }} doctor

# Run a grid (a file or a built-in name) in the lab, with flags such as --set duration=1s, and collect its run into results/
[group('container lab')]
[positional-arguments]
sweep GRID="quick" *FLAGS:
    @{{ lab }} sweep "$@"

# Run every path over both wires, every byte verified, in half a minute
[group('container lab')]
smoke:
    @{{ lab }} sweep lab/grids/smoke-wires.yaml
    @{{ lab }} tool validate results/latest

# Resume a run of the lab that was interrupted
[group('container lab')]
resume RUN:
    @{{ lab }} resume {{ quote(RUN) }}

# Run a run's grid again in the lab, with its seed, and say what differs
[group('container lab')]
reproduce RUN:
    @{{ lab }} reproduce {{ quote(RUN) }}

# Copy all runs from the lab's volume to results/; every sweep ends with this
[group('container lab')]
collect:
    @{{ lab }} collect

# Remove the lab: `force` while a sweep runs, `discard` gives up runs that cannot be collected, `all` takes the image too
[group('container lab')]
lab-down MODE="":
    @{{ lab }} down {{ MODE }}

# Bring up two agents on two nodes of a Swarm, on an overlay network; `host`: on the nodes' own network
[group('swarm')]
swarm-up MODE="":
    @{{ swarm }} up {{ MODE }}
    @{{ swarm }} status

# Run a grid (a file or a built-in name) in the Swarm, with flags as in `sweep`, and collect its run into results/
[group('swarm')]
[positional-arguments]
swarm-sweep GRID="quick" *FLAGS:
    @{{ swarm }} sweep "$@"

# Resume a run of the Swarm that was interrupted
[group('swarm')]
swarm-resume RUN:
    @{{ swarm }} resume {{ quote(RUN) }}

# Remove stack, token and coordinator: `force` while a sweep runs, `discard` gives up runs that cannot be collected
[group('swarm')]
swarm-down MODE="":
    @{{ swarm }} down {{ MODE }}

# Bring up the agents as pods of a Kubernetes cluster, by kubectl's current context
[group('kubernetes')]
k8s-up:
    @{{ k8s }} up
    @{{ k8s }} status

# Show the lab's pods
[group('kubernetes')]
k8s-status:
    @{{ k8s }} status

# Run a grid (a file or a built-in name) in the cluster, with flags of `copycost sweep`, and take its run home
[group('kubernetes')]
[positional-arguments]
k8s-sweep GRID="quick" *FLAGS:
    @{{ k8s }} sweep "$@"

# Wait for a sweep whose command was ended or lost the cluster, and take its run home
[group('kubernetes')]
k8s-collect:
    @{{ k8s }} collect

# Remove the lab's namespace: `force` while a sweep runs, `discard` gives up a run that cannot be taken home
[group('kubernetes')]
k8s-down MODE="":
    @{{ k8s }} down {{ MODE }}

# Make the report of a run
[group('results')]
report RUN="results/latest":
    @{{ lab }} tool report {{ quote(RUN) }}

# Run the quick grid between two network namespaces: no Docker, no root
[group('lab without Docker')]
quick: build
    @{{ lab }} tool sweep quick

# Run a grid between two network namespaces, with flags such as --only threads=1
[group('lab without Docker')]
[positional-arguments]
sweep-netns GRID="quick" *FLAGS: build
    @{{ lab }} tool sweep "$@"

# Build the program, statically linked
[group('development')]
build:
    @{{ lab }} build

# Run all tests; those that need Docker say so where there is none
[group('development')]
test:
    @rm -f target/*/tmp/skipped-tests
    cargo test --locked
    @cat target/*/tmp/skipped-tests 2>/dev/null | sort -u

# Fuzz all that reads what others wrote, each target for so many seconds; needs nightly Rust and cargo-fuzz
[group('development')]
fuzz SECONDS="17":
    lab/fuzz.sh {{ SECONDS }}

# Kill, stop, starve and lie to everything, so many times each; takes hours
[group('development')]
soak ROUNDS="1000":
    COPYCOST_SOAK={{ ROUNDS }} cargo test --locked --test soak -- --ignored --nocapture --test-threads 1

# Check format, lints and the files of the lab; a checker that is not installed is named and passed over
[group('development')]
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    @lab/lint.sh

# What continuous integration runs, but for the lab
[group('development')]
ci: lint test build
