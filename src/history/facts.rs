//! What else differs between two runs of a history: host, kernel, program and grid, each in few words.

use crate::compare::{EnvironmentChange, differences as all_differences};
use crate::prose::words;
use crate::record::Manifest;
use crate::record::manifest::{Agent, Host};

/// A fact of a run's surroundings that a reader of a history looks for first.
struct Fact {
    /// What it is called.
    what: &'static str,
    /// What a run says of it.
    of: fn(&Manifest) -> String,
    /// Whether it is of the machine: what runs before and after it measured different things.
    is_machine: bool,
    /// Where the manifest has it: the last words of its places.
    places: &'static [&'static str],
}

const FACTS: [Fact; 4] = [
    Fact {
        what: "host",
        of: |run| both_ends(run, host),
        is_machine: true,
        places: &["cpu_model", "cpus_online", "architecture", "virtualisation"],
    },
    Fact {
        what: "kernel",
        of: |run| both_ends(run, |agent| agent.host.kernel.clone()),
        is_machine: true,
        places: &["kernel", "kernel_build"],
    },
    Fact {
        what: "program",
        of: program,
        is_machine: false,
        places: &["version", "git_revision", "binary_sha256"],
    },
    Fact {
        what: "grid",
        of: |run| format!("{} {}", run.grid_name, short(&run.grid_sha256)).trim_end().to_owned(),
        is_machine: false,
        places: &["grid_name", "grid_sha256", "measurement"],
    },
];

/// What differs between two runs: those facts, and how many others.
pub(super) fn differences(base: &Manifest, new: &Manifest) -> Vec<EnvironmentChange> {
    let mut found: Vec<EnvironmentChange> = FACTS.iter().filter_map(|fact| fact.differs(base, new)).collect();
    let is_told = |one: &EnvironmentChange| {
        let last = one.what.rsplit('.').next().unwrap_or_default();
        FACTS.iter().any(|fact| fact.places.contains(&last))
    };
    let others = all_differences(base, new).iter().filter(|one| !is_told(one)).count();
    if others > 0 {
        let what = format!("{} of the environment", words::plural(others as u64, "other fact"));
        found.push(EnvironmentChange { what, base: String::new(), new: String::new() });
    }
    found
}

/// Whether the two were made on different hosts or under different kernels.
pub(super) fn is_another_machine(base: &Manifest, new: &Manifest) -> bool {
    FACTS.iter().any(|fact| fact.is_machine && fact.differs(base, new).is_some())
}

/// What differs as a clause: `kernel 6.12 -> 6.18; program 0.1.0 (1a2b3c4d) -> 0.1.0 (5e6f7a8b)`.
pub(super) fn clause(differences: &[EnvironmentChange]) -> String {
    let one =
        |EnvironmentChange { what, base, new }: &EnvironmentChange| match base.is_empty() && new.is_empty() {
            true => what.clone(),
            false => format!("{what} {base} -> {new}"),
        };
    differences.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Fact {
    fn differs(&self, base: &Manifest, new: &Manifest) -> Option<EnvironmentChange> {
        let [base, new] = [base, new].map(|run| (self.of)(run));
        (base != new).then(|| EnvironmentChange { what: self.what.to_owned(), base, new })
    }
}

/// A fact of both ends, said once where it is the same.
fn both_ends(run: &Manifest, of: impl Fn(&Agent) -> String) -> String {
    let (sender, receiver) = (of(&run.sender), of(&run.receiver));
    if sender == receiver { sender } else { format!("{sender} and {receiver}") }
}

fn host(agent: &Agent) -> String {
    let Host { cpu_model, cpus_online, architecture, virtualisation, .. } = &agent.host;
    let virtualisation = virtualisation.as_deref().filter(|name| *name != "none");
    let parts = [
        Some(cpu_model.as_deref().unwrap_or(architecture).to_owned()),
        cpus_online.map(|count| words::plural(count, "CPU")),
        virtualisation.map(|name| format!("{name} guest")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The version with the revision, or the binary where no revision is known.
pub(super) fn program(run: &Manifest) -> String {
    let tool = &run.tool;
    let dirty = if tool.is_changed() { "-dirty" } else { "" };
    match (&tool.git_revision, &tool.binary_sha256) {
        // Two programs may be built of one changed tree.
        (Some(revision), Some(binary)) if tool.is_changed() => {
            format!("{} ({}{dirty}, binary {})", tool.version, short(revision), short(binary))
        }
        (Some(revision), _) => format!("{} ({}{dirty})", tool.version, short(revision)),
        (None, Some(binary)) => format!("{} (binary {})", tool.version, short(binary)),
        (None, None) => tool.version.clone(),
    }
}

/// The beginning of a hash, which tells it from others.
fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Simulation;

    fn manifest() -> Manifest {
        Simulation::default().manifest()
    }

    #[test]
    fn what_a_reader_looks_for_is_said_in_few_words_and_the_rest_is_counted() {
        let (base, mut new) = (manifest(), manifest());
        assert_eq!(differences(&base, &new), []);
        for end in [&mut new.sender, &mut new.receiver] {
            end.host.kernel = "6.19".into();
            end.host.governor = Some("powersave".into());
        }
        new.tool.git_revision = Some("0123456789abcdef-dirty".into());
        new.tool.binary_sha256 = Some("fedcba9876543210".into());
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            clause(&differences(&base, &new)),
            format!(
                "kernel 6.18.0-simulated -> 6.19; program {version} -> {version} (01234567-dirty, binary fedcba98); \
                 1 other fact of the environment"
            )
        );
        assert!(is_another_machine(&base, &new));
    }

    #[test]
    fn another_program_or_grid_is_the_same_machine_and_one_end_is_named_beside_the_other() {
        let (base, mut new) = (manifest(), manifest());
        (new.tool.version, new.grid_name) = ("9.9".into(), "another".into());
        assert!(!is_another_machine(&base, &new) && differences(&base, &new).len() == 2);
        new.receiver.host.cpu_model = Some("Other CPU".into());
        assert!(is_another_machine(&base, &new));
        let said = clause(&differences(&base, &new));
        assert!(
            said.contains("host Simulated CPU, 2 CPUs") && said.contains(" and Other CPU, 2 CPUs"),
            "{said}"
        );
    }
}
