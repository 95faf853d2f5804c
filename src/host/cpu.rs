//! CPUs: the model, their caches and cores, and which of them to use in what order.

use std::collections::{BTreeMap, BTreeSet};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::Root;

const CPUS: &str = "sys/devices/system/cpu";

/// CPUs that this thread may run on, ascending.
pub(crate) fn allowed() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect()
}

/// `allowed` with one CPU of each physical core first, then the second hardware threads, and so on: workers
/// pinned in this order share a core only when there are no more cores.
pub(crate) fn pin_order(allowed: &[usize]) -> Vec<usize> {
    pin_order_in(&Root::system(), allowed)
}

fn pin_order_in(root: &Root, allowed: &[usize]) -> Vec<usize> {
    let allowed = BTreeSet::from_iter(allowed.iter().copied());
    let mut seen_of_core = BTreeMap::<Vec<usize>, usize>::new();
    let mut ranked: Vec<(usize, usize)> = allowed
        .into_iter()
        .map(|cpu| {
            let siblings = root
                .text(format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list"))
                .and_then(|list| parse_list(&list))
                .unwrap_or_else(|| vec![cpu]);
            let seen = seen_of_core.entry(siblings).or_default();
            *seen += 1;
            (*seen, cpu)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, cpu)| cpu).collect()
}

/// Reads a list of CPUs as the kernel writes it: `0-3,8`.
fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.trim().parse::<usize>().ok()?..=last.trim().parse().ok()?);
    }
    Some(cpus)
}

/// Every CPU that is online, whoever may run there; none where the machine does not tell.
pub(crate) fn all_online() -> Vec<usize> {
    online_in(&Root::system()).unwrap_or_default()
}

fn online_in(root: &Root) -> Option<Vec<usize>> {
    parse_list(&root.text(format!("{CPUS}/online"))?)
}

/// Number of CPUs online.
pub(super) fn online(root: &Root) -> Option<u64> {
    Some(online_in(root)?.len() as u64)
}

/// The model's name; Arm gives the implementer and the part as numbers.
pub(super) fn model(root: &Root) -> Option<String> {
    let field = |key| root.field("proc/cpuinfo", key);
    ["model name", "Model", "cpu model", "cpu"]
        .into_iter()
        .find_map(field)
        .or_else(|| Some(format!("implementer {} part {}", field("CPU implementer")?, field("CPU part")?)))
}

/// Cache sizes of CPU 0: `L1d` → `32K`.
pub(super) fn caches(root: &Root) -> BTreeMap<String, String> {
    (0..)
        .map(|index| format!("{CPUS}/cpu0/cache/index{index}"))
        .map_while(|cache| {
            let level = root.text(format!("{cache}/level"))?;
            let kind = match root.text(format!("{cache}/type"))?.as_str() {
                "Data" => "d",
                "Instruction" => "i",
                _ => "",
            };
            Some((format!("L{level}{kind}"), root.text(format!("{cache}/size"))))
        })
        .filter_map(|(name, size)| Some((name, size?)))
        .collect()
}

/// The hypervisor's name, `none` on bare metal; absent where the machine does not tell.
pub(super) fn virtualisation(root: &Root) -> Option<String> {
    let by_firmware = || {
        root.text("sys/hypervisor/type").or_else(|| {
            let maker = root.text("sys/class/dmi/id/sys_vendor")?;
            let product = root.text("sys/class/dmi/id/product_name").unwrap_or_default();
            hypervisor_of_dmi(&maker, &product).map(str::to_owned)
        })
    };
    match root.field("proc/cpuinfo", "flags") {
        // x86 has a CPUID bit that every hypervisor sets.
        Some(flags) if flags.split(' ').any(|flag| flag == "hypervisor") => {
            Some(hypervisor_of_cpuid().or_else(by_firmware).unwrap_or_else(|| "unknown".to_owned()))
        }
        Some(_) => Some("none".to_owned()),
        None => by_firmware(),
    }
}

fn hypervisor_of_dmi(maker: &str, product: &str) -> Option<&'static str> {
    let told = format!("{maker} {product}").to_lowercase();
    [
        ("qemu", "kvm"),
        ("kvm", "kvm"),
        ("amazon ec2", "kvm"),
        ("google compute engine", "kvm"),
        ("vmware", "vmware"),
        ("virtualbox", "virtualbox"),
        ("microsoft corporation virtual machine", "hyper-v"),
        ("xen", "xen"),
    ]
    .into_iter()
    .find_map(|(mark, name)| told.contains(mark).then_some(name))
}

#[cfg(target_arch = "x86_64")]
fn hypervisor_of_cpuid() -> Option<String> {
    use raw_cpuid::{CpuId, Hypervisor};
    Some(match CpuId::new().get_hypervisor_info()?.identify() {
        Hypervisor::KVM => "kvm".to_owned(),
        Hypervisor::Xen => "xen".to_owned(),
        Hypervisor::VMware => "vmware".to_owned(),
        Hypervisor::HyperV => "hyper-v".to_owned(),
        Hypervisor::QEMU => "qemu".to_owned(),
        Hypervisor::Bhyve => "bhyve".to_owned(),
        Hypervisor::QNX => "qnx".to_owned(),
        Hypervisor::ACRN => "acrn".to_owned(),
        Hypervisor::Unknown(..) => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn hypervisor_of_cpuid() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn cores_come_before_their_second_threads() {
        let list = |cpu: usize| format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list");
        // Two cores with two threads each, numbered as most x86 firmware does, and as some does.
        for (siblings, expected) in
            [(["0,2", "1,3", "0,2", "1,3"], [0, 1, 2, 3]), (["0-1", "0-1", "2-3", "2-3"], [0, 2, 1, 3])]
        {
            let files: Vec<_> = (0..4).map(|cpu| (list(cpu), siblings[cpu])).collect();
            let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            let (_dir, root) = sample::root(&files);
            assert_eq!(pin_order_in(&root, &[3, 2, 1, 0]), expected);
            assert_eq!(pin_order_in(&root, &[1, 1]), [1]);
        }
    }

    #[test]
    fn without_topology_every_cpu_is_a_core() {
        let (_dir, root) = sample::root(&[]);
        assert_eq!(pin_order_in(&root, &[5, 0, 2]), [0, 2, 5]);
    }

    #[test]
    fn lists_read_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse_list("none"), None);
    }

    #[test]
    fn caches_have_their_short_names() {
        let file = |index: usize, name: &str| format!("{CPUS}/cpu0/cache/index{index}/{name}");
        let mut files = Vec::new();
        for (index, (level, kind, size)) in
            [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2048K")].iter().enumerate()
        {
            files.push((file(index, "level"), *level));
            files.push((file(index, "type"), *kind));
            files.push((file(index, "size"), *size));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (_dir, root) = sample::root(&files);
        let expected = [("L1d", "48K"), ("L1i", "32K"), ("L2", "2048K")];
        assert_eq!(caches(&root), expected.map(|(name, size)| (name.into(), size.into())).into());
    }

    #[test]
    fn the_model_is_a_name_or_numbers() {
        let of = |text| {
            let (_dir, root) = sample::root(&[("proc/cpuinfo", text)]);
            model(&root)
        };
        assert_eq!(of("processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n").as_deref(), Some("Some CPU @ 2GHz"));
        let arm = of("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n");
        assert_eq!(arm.as_deref(), Some("implementer 0x41 part 0xd0c"));
    }

    #[test]
    fn bare_metal_is_told_from_a_guest() {
        let of = |files: &[(&str, &str)]| {
            let (_dir, root) = sample::root(files);
            virtualisation(&root)
        };
        assert_eq!(of(&[("proc/cpuinfo", "flags\t: fpu vme\n")]).as_deref(), Some("none"));
        let guest = of(&[("proc/cpuinfo", "flags\t: fpu hypervisor vme\n")]).unwrap();
        assert_ne!(guest, "none");
        let arm = [("sys/class/dmi/id/sys_vendor", "QEMU\n"), ("sys/class/dmi/id/product_name", "Virtual\n")];
        assert_eq!(of(&arm).as_deref(), Some("kvm"));
        assert_eq!(of(&[]), None);
        assert_eq!(hypervisor_of_dmi("Dell Inc.", "PowerEdge R650"), None);
    }
}
