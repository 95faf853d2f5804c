//! What the process may do: limits, capabilities, seccomp.

use std::collections::BTreeMap;

use caps::{CapSet, Capability};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use super::Root;

/// Soft limits that bear on a run, in bytes or numbers.
pub(super) fn limits() -> BTreeMap<String, String> {
    const LIMITS: [(&str, Resource); 6] = [
        ("as", Resource::RLIMIT_AS),
        ("memlock", Resource::RLIMIT_MEMLOCK),
        ("nofile", Resource::RLIMIT_NOFILE),
        ("nproc", Resource::RLIMIT_NPROC),
        ("rtprio", Resource::RLIMIT_RTPRIO),
        ("stack", Resource::RLIMIT_STACK),
    ];
    LIMITS
        .into_iter()
        .filter_map(|(name, resource)| {
            let (soft, _) = getrlimit(resource).ok()?;
            let text = if soft == RLIM_INFINITY { "unlimited".to_owned() } else { soft.to_string() };
            Some((name.to_owned(), text))
        })
        .collect()
}

/// Effective capabilities by name, sorted.
pub(super) fn capabilities() -> Vec<String> {
    let held = caps::read(None, CapSet::Effective).unwrap_or_default();
    let mut names: Vec<_> = held.iter().map(Capability::to_string).collect();
    names.sort_unstable();
    names
}

/// Seccomp mode by the words of seccomp(2).
pub(super) fn seccomp(root: &Root) -> Option<String> {
    let mode = match root.field("proc/self/status", "Seccomp")?.as_str() {
        "0" => "disabled",
        "1" => "strict",
        "2" => "filter",
        _ => return None,
    };
    Some(mode.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn seccomp_reads_as_a_word() {
        let of = |text| {
            let (_dir, root) = sample::root(&[("proc/self/status", text)]);
            seccomp(&root)
        };
        assert_eq!(of("NoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n").as_deref(), Some("filter"));
        assert_eq!(of("Seccomp:\t0\n").as_deref(), Some("disabled"));
        assert_eq!(of("Threads:\t1\n"), None);
    }

    #[test]
    fn capabilities_are_names() {
        let held = capabilities();
        assert!(held.iter().all(|name| name.starts_with("CAP_")), "{held:?}");
        assert!(held.is_sorted());
    }
}
