//! Which CPUs the workers of the two ends run on.

use super::surroundings::Places;
use crate::agent::protocol::Welcome;
use crate::cell::Cell;
use crate::message::FIELDS;
use crate::options::Pin;
use crate::xray::watch::{Pass, Watch};

/// CPUs of the sender's and of the receiver's workers, in the order in which they are taken; empty: not pinned.
///
/// `auto` on one machine gives the ends every other CPU of a list that has one CPU of each core first, so that
/// no core serves both ends while another is idle. Ends on two machines, or in two CPU sets, keep their own.
pub(super) fn choose(pin: &Pin, sender: &Welcome, receiver: &Welcome) -> (Vec<usize>, Vec<usize>) {
    match pin {
        Pin::None => (Vec::new(), Vec::new()),
        Pin::Explicit { sender, receiver } => (sender.clone(), receiver.clone()),
        Pin::Auto => {
            if together(sender, receiver) && sender.cpus == receiver.cpus && sender.cpus.len() > 1 {
                let every_other = |from: usize| sender.cpus.iter().copied().skip(from).step_by(2).collect();
                (every_other(0), every_other(1))
            } else {
                (sender.cpus.clone(), receiver.cpus.clone())
            }
        }
    }
}

/// Where so many workers of either end may run: of the CPUs that they are pinned to, no more than there are workers.
pub(super) fn places(pin: &Pin, workers: u32, sender: &Welcome, receiver: &Welcome) -> Places {
    let (sender_cpus, receiver_cpus) = choose(pin, sender, receiver);
    let or_any = |mut pinned: Vec<usize>, welcome: &Welcome| {
        pinned.truncate(workers as usize);
        let mut cpus = if pinned.is_empty() { welcome.cpus.clone() } else { pinned };
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    };
    Places {
        cpus: [or_any(sender_cpus, sender), or_any(receiver_cpus, receiver)],
        one_host: together(sender, receiver),
    }
}

/// What each end watches in an x-ray pass: the CPUs that its workers may run on, and those of them that are
/// its own. A CPU of a machine that both ends share is the sender's, when both may run on it.
pub(super) fn watches(
    pass: Pass,
    cell: &Cell,
    pin: &Pin,
    sender: &Welcome,
    receiver: &Welcome,
) -> [Watch; 2] {
    let Places { cpus: [sender_cpus, receiver_cpus], one_host } = places(pin, cell.threads, sender, receiver);
    let field_bytes = cell.message_bytes / FIELDS as u64;
    let mut receivers_own = receiver_cpus.clone();
    let mut elsewhere = [Some(Vec::new()), Some(Vec::new())];
    if one_host {
        receivers_own.retain(|cpu| !sender_cpus.contains(cpu));
        // One of them looks at the rest of the machine, and leaves out what the other has.
        elsewhere = [Some(receiver_cpus.clone()), None];
    }
    let [sender_elsewhere, receiver_elsewhere] = elsewhere;
    [
        Watch {
            pass,
            own_cpus: sender_cpus.clone(),
            cpus: sender_cpus,
            all_but: sender_elsewhere,
            field_bytes,
        },
        Watch {
            pass,
            own_cpus: receivers_own,
            cpus: receiver_cpus,
            all_but: receiver_elsewhere,
            field_bytes,
        },
    ]
}

/// Whether both agents are on one machine.
pub(super) fn together(sender: &Welcome, receiver: &Welcome) -> bool {
    sender.host.boot_id.is_some() && sender.host.boot_id == receiver.host.boot_id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(boot: &str, cpus: &[usize]) -> Welcome {
        let mut welcome = Welcome { cpus: cpus.to_vec(), ..Welcome::default() };
        welcome.host.boot_id = Some(boot.to_owned());
        welcome
    }

    #[test]
    fn two_ends_of_one_machine_share_its_cpus_without_overlap() {
        let end = on("a", &[0, 1, 2, 3]);
        assert_eq!(choose(&Pin::Auto, &end, &end), (vec![0, 2], vec![1, 3]));
        let single = on("a", &[5]);
        assert_eq!(choose(&Pin::Auto, &single, &single), (vec![5], vec![5]));
    }

    #[test]
    fn other_machines_and_other_cpu_sets_are_kept() {
        assert_eq!(choose(&Pin::Auto, &on("a", &[0, 1]), &on("b", &[0, 1])), (vec![0, 1], vec![0, 1]));
        assert_eq!(choose(&Pin::Auto, &on("a", &[0]), &on("a", &[1])), (vec![0], vec![1]));
    }

    #[test]
    fn none_and_explicit_are_taken_at_their_word() {
        let end = on("a", &[0, 1]);
        assert_eq!(choose(&Pin::None, &end, &end), (vec![], vec![]));
        let explicit = Pin::Explicit { sender: vec![1], receiver: vec![1, 0] };
        assert_eq!(choose(&explicit, &end, &end), (vec![1], vec![1, 0]));
    }

    #[test]
    fn the_rest_of_a_machine_is_watched_by_one_of_its_ends() {
        let rest = |sender: &Welcome, receiver: &Welcome| {
            let cell = Cell::example("two-copy", 64);
            watches(Pass::Samples, &cell, &Pin::Auto, sender, receiver).map(|watch| watch.all_but)
        };
        let end = on("a", &[0, 1]);
        assert_eq!(rest(&end, &end), [Some(vec![1]), None]);
        assert_eq!(rest(&end, &on("b", &[0, 1])), [Some(vec![]), Some(vec![])]);
    }

    #[test]
    fn a_cpu_that_both_ends_use_is_on_one_account() {
        let own = |pin: &Pin, sender: &Welcome, receiver: &Welcome| {
            let cell = Cell::example("two-copy", 64);
            watches(Pass::Samples, &cell, pin, sender, receiver).map(|watch| (watch.cpus, watch.own_cpus))
        };
        let end = on("a", &[0, 1]);
        assert_eq!(own(&Pin::Auto, &end, &end), [(vec![0], vec![0]), (vec![1], vec![1])]);
        let four = on("a", &[0, 1, 2, 3]);
        assert_eq!(
            own(&Pin::Auto, &four, &four),
            [(vec![0], vec![0]), (vec![1], vec![1])],
            "one stream has one CPU"
        );
        assert_eq!(own(&Pin::None, &end, &end), [(vec![0, 1], vec![0, 1]), (vec![0, 1], vec![])]);
        let other = on("b", &[0, 1]);
        assert_eq!(own(&Pin::None, &end, &other)[1], (vec![0, 1], vec![0, 1]));
    }
}
