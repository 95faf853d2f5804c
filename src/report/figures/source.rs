//! Where a figure is from: the machine and the run, in a few words.

use crate::record::Manifest;

/// Characters of a CPU's model at most.
const MOST_OF_A_MODEL: usize = 48;
/// What makers put into the names of their CPUs and nobody needs.
const NOISE: [&str; 5] = ["(R)", "(TM)", "(r)", "(tm)", " CPU"];

/// The CPUs of both ends and the run: `AMD EPYC 7B13, run 20260101T000000Z-x`.
pub(in crate::report) fn of(manifest: &Manifest) -> String {
    let machine = |host: &crate::record::manifest::Host| match &host.cpu_model {
        Some(model) if !model.trim().is_empty() => short(model),
        _ => host.architecture.clone(),
    };
    let (sender, receiver) = (machine(&manifest.sender.host), machine(&manifest.receiver.host));
    let machines = if sender == receiver { sender } else { format!("{sender} to {receiver}") };
    let emulated = manifest.vm.as_ref().map(|vm| format!("virtual machine ({})", vm.accel));
    let run = Some(format!("run {}", manifest.run_id)).filter(|_| !manifest.run_id.is_empty());
    let parts = [Some(machines), emulated, run].into_iter().flatten().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
}

/// A CPU's model without what nobody needs: the clock that it is sold with among it.
fn short(model: &str) -> String {
    let model = model.split(" @ ").next().unwrap_or_default();
    let model = NOISE.iter().fold(model.to_owned(), |model, noise| model.replace(noise, ""));
    let words: Vec<&str> = model.split_whitespace().collect();
    words.join(" ").chars().take(MOST_OF_A_MODEL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::manifest::{Agent, Host};

    fn agent(model: Option<&str>) -> Agent {
        let host =
            Host { cpu_model: model.map(str::to_owned), architecture: "x86_64".into(), ..Host::default() };
        Agent { host, ..Agent::default() }
    }

    #[test]
    fn it_is_the_machine_and_the_run_in_a_few_words() {
        let from = |sender, receiver| {
            let (sender, receiver) = (agent(sender), agent(receiver));
            of(&Manifest { run_id: "r1".into(), sender, receiver, ..Manifest::default() })
        };
        let xeon = Some("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz");
        assert_eq!(from(xeon, xeon), "Intel Xeon E5-2680 v4, run r1");
        assert_eq!(from(xeon, None), "Intel Xeon E5-2680 v4 to x86_64, run r1");
        let long = "x".repeat(300);
        assert!(from(Some(&long), Some(&long)).len() < 60);
        assert_eq!(of(&Manifest::default()), "");
    }
}
