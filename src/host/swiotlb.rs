//! The kernel's bounce buffers: between memory and a card that cannot, or may not, reach it.

use super::Root;

/// Whether the command line of the kernel forces every transfer through them (`swiotlb=force`, also as the last
/// of several values); absent when it cannot be read.
pub(super) fn forced(root: &Root) -> Option<bool> {
    let line = root.text("proc/cmdline")?;
    let values = line.split_whitespace().filter_map(|word| word.strip_prefix("swiotlb="));
    Some(values.flat_map(|value| value.split(',')).any(|value| value == "force"))
}

/// Slots in use; debugfs is often out of reach, and then this is absent.
pub(super) fn used(root: &Root) -> Option<u64> {
    slots(root, "io_tlb_used")
}

/// The most slots that were in use since boot.
pub(super) fn most_used(root: &Root) -> Option<u64> {
    slots(root, "io_tlb_used_hiwater")
}

fn slots(root: &Root, file: &str) -> Option<u64> {
    root.text(format!("sys/kernel/debug/swiotlb/{file}"))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn force_is_found_among_the_values_and_nothing_else_is() {
        for (line, is_forced) in [
            ("console=ttyS0 swiotlb=force quiet", true),
            ("swiotlb=65536,force", true),
            ("swiotlb=65536 force", false),
            ("root=/dev/sda1", false),
            ("noswiotlb=force", false),
        ] {
            let (_dir, root) = sample::root(&[("proc/cmdline", line)]);
            assert_eq!(forced(&root), Some(is_forced), "{line}");
        }
        let (_dir, root) = sample::root(&[("sys/kernel/debug/swiotlb/io_tlb_used", "17\n")]);
        assert_eq!((forced(&root), used(&root), most_used(&root)), (None, Some(17), None));
    }
}
