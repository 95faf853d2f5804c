//! Memory that payload is copied from and to.

use aligned_vec::{ABox, AVec, ConstAlign};

use crate::failure::Failure;
use crate::units;

/// Bytes on the heap that begin at a cache line.
///
/// Where the heap puts a buffer is chance, and copies of 64 KiB from 16 bytes beyond a line are about 5 % slower
/// than from its beginning (seen on a KVM guest of an Intel Xeon): without this, two paths could differ by their buffers'
/// places alone.
pub(crate) type Buffer = ABox<[u8], ConstAlign<64>>;

/// A buffer of this many bytes, all zero and all written: pages that were never written are one page of zeros.
///
/// # Errors
/// `Unsupported` where the kernel gives no memory.
pub(crate) fn buffer(bytes: usize) -> Result<Buffer, Failure> {
    let mut memory = AVec::new(0);
    memory.try_reserve_exact(bytes).map_err(|_| refused(bytes))?;
    memory.resize(bytes, 0);
    Ok(memory.into_boxed_slice())
}

/// What is said where memory is refused.
#[cold]
pub(crate) fn refused(bytes: usize) -> Failure {
    Failure::Unsupported(format!(
        "no memory for {} of buffers: the kernel refuses it (`ulimit -v`, or vm.overcommit_memory); use fewer streams, smaller \
         messages or a smaller working set",
        units::size(bytes as u64)
    ))
}

/// Gives memory that was freed back to the kernel: the heap of a thread keeps what lies below something that lives on.
pub(crate) fn give_back() {
    // SAFETY: it touches nothing that is allocated; glibc locks each of its arenas.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_at_a_cache_line_and_is_as_long_as_asked() {
        for bytes in [0, 1, 8, 63, 65, 8192, 262_144] {
            let buffer = buffer(bytes).unwrap();
            assert_eq!((buffer.as_ptr().addr() % 64, buffer.len()), (0, bytes));
        }
    }

    #[test]
    fn memory_that_is_refused_is_a_sentence() {
        let refused = buffer(isize::MAX as usize / 2).unwrap_err();
        assert!(refused.reason().contains("ulimit -v"), "{refused}");
    }
}
