//! What went on around the two ends of a trial, from what both agents read of their hosts.

use crate::host::Load;
use crate::record::{End, Surroundings};

/// Where the workers may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// CPUs of the sender's and of the receiver's workers, none of them twice.
    pub(super) cpus: [Vec<usize>; 2],
    /// Whether both are CPUs of one host.
    pub(super) one_host: bool,
}

impl Places {
    /// CPUs that this many workers an end can keep busy at once.
    fn capacity(&self, end: usize, workers: usize) -> usize {
        self.cpus[end].len().min(workers)
    }

    /// Whether workers of both ends may have to wait for each other.
    fn are_shared(&self) -> bool {
        self.one_host && self.cpus[0].iter().any(|cpu| self.cpus[1].contains(cpu))
    }
}

/// The surroundings of the sender and of the receiver, each with so many workers; `ends` are their figures added up.
pub(super) fn of(places: &Places, workers: u32, loads: &[Load; 2], ends: &[End; 2]) -> [Surroundings; 2] {
    let workers = workers as usize;
    [0, 1].map(|place| {
        let (load, end) = (&loads[place], &ends[place]);
        let elapsed = Some(load.elapsed_s).filter(|&elapsed| elapsed > 0.0);
        let possible = elapsed.map(|elapsed| elapsed * places.capacity(place, workers) as f64);
        // Workers with a CPU each wait for nobody of their own, so that all of their waiting is for others.
        let is_alone = workers <= places.cpus[place].len() && !places.are_shared();
        let waited = is_alone.then_some(end.run_delay_s).flatten();
        let kept_off_cpu = match waited {
            Some(waited) => share(Some(waited), end.window_s.map(|window| window * workers as f64)),
            None => taken_by_others(places, place, workers, loads),
        };
        Surroundings {
            foreign_cpus: foreign_cpus(loads, place, places.one_host),
            on_cpu: share(load.process_s, possible),
            kept_off_cpu,
            steal_cpus: share(load.steal_s, elapsed),
            throttled_s: load.throttled_s,
            mhz: load.mhz,
        }
    })
}

/// What a host did for others: busy time that neither agent on it was charged with, over the window. Ticks may make
/// that a little less than nothing, which is none.
fn foreign_cpus(loads: &[Load; 2], place: usize, one_host: bool) -> Option<f64> {
    let own = &loads[place];
    let others = share(own.others_s, Some(own.elapsed_s))?;
    let other_agent = if one_host { agent_cpus(&loads[1 - place])? } else { 0.0 };
    Some((others - other_agent).max(0.0))
}

/// The share of the time of an end's CPUs in which something else than the agents ran there.
fn taken_by_others(places: &Places, place: usize, workers: usize, loads: &[Load; 2]) -> Option<f64> {
    let own = &loads[place];
    let mut others = share(own.others_on_cpus_s, Some(own.elapsed_s))?;
    if places.are_shared() {
        others -= agent_cpus(&loads[1 - place])?;
    }
    share(Some(others.max(0.0)), Some(places.capacity(place, workers) as f64))
}

/// CPUs' worth of an agent. Its readings lie a little apart from the other's, so a rate is taken, not a time.
fn agent_cpus(load: &Load) -> Option<f64> {
    share(load.process_s, Some(load.elapsed_s))
}

fn share(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    part.zip(whole.filter(|&whole| whole > 0.0)).map(|(part, whole)| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(others_s: f64, process_s: f64) -> Load {
        Load {
            elapsed_s: 1.0,
            others_s: Some(others_s),
            others_on_cpus_s: Some(others_s),
            process_s: Some(process_s),
            steal_s: Some(0.5),
            ..Load::default()
        }
    }

    fn end(delayed: f64) -> End {
        End { window_s: Some(1.0), run_delay_s: Some(delayed), ..End::default() }
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn the_other_agent_of_one_host_is_no_foreigner() {
        let mut places = Places { cpus: [vec![0], vec![1]], one_host: true };
        let loads = [load(1.1, 0.9), load(1.0, 1.0)];
        let ends = [end(0.0), end(0.0)];
        let [sender, receiver] = of(&places, 1, &loads, &ends);
        assert!(
            near(sender.foreign_cpus, 0.1) && near(receiver.foreign_cpus, 0.1),
            "{sender:?} {receiver:?}"
        );
        assert!(near(sender.steal_cpus, 0.5) && near(sender.on_cpu, 0.9));
        places.one_host = false;
        assert!(near(of(&places, 1, &loads, &ends)[0].foreign_cpus, 1.1));
    }

    #[test]
    fn a_worker_is_kept_off_its_cpu_only_when_it_could_run() {
        let places = Places { cpus: [vec![0], vec![1]], one_host: true };
        let loads = [load(0.62, 0.38), load(0.62, 0.38)];
        let [waits, crowded] = of(&places, 1, &loads, &[end(0.0), end(0.62)]);
        assert!(near(waits.on_cpu, 0.38) && near(waits.kept_off_cpu, 0.0), "{waits:?}");
        assert!(near(crowded.on_cpu, 0.38) && near(crowded.kept_off_cpu, 0.62), "{crowded:?}");
        let nothing = of(&places, 1, &[Load::default(), Load::default()], &[End::default(), End::default()]);
        assert_eq!(nothing, [Surroundings::default(), Surroundings::default()]);
    }

    #[test]
    fn workers_that_wait_for_each_other_are_not_kept_off() {
        let places = Places { cpus: [vec![0], vec![1]], one_host: true };
        let loads = [load(0.0, 1.0), load(0.2, 0.5)];
        let [four, crowded] = of(&places, 4, &loads, &[end(3.0), end(1.0)]);
        assert!(near(four.kept_off_cpu, 0.0) && near(crowded.kept_off_cpu, 0.2), "{four:?} {crowded:?}");
        let shared = Places { cpus: [vec![0], vec![0]], one_host: true };
        let [sender, receiver] = of(&shared, 1, &[load(0.4, 0.6), load(0.6, 0.4)], &[end(0.4), end(0.6)]);
        assert!(near(sender.kept_off_cpu, 0.0) && near(receiver.kept_off_cpu, 0.0), "{sender:?}");
    }
}
