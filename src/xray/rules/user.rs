//! Rules for user frames.

use super::{Rule, leaf};
use crate::record::category::Category::{Completion, GatherCopy, Syscall};

/// Rules for the leaf of user frames. The program's own functions that none of these knows are `other`.
pub(in crate::xray) const USER: &[Rule] = &[
    leaf("*memcpy*", GatherCopy), // the C library's copy, whatever its variant for this CPU is called
    leaf("*memmove*", GatherCopy), // another name of the same function
    leaf("__send*", Syscall),     // the C library's wrapper
    leaf("__libc_send*", Syscall), // the C library's wrapper
    leaf("send*", Syscall),       // the C library's wrapper
    leaf("__recv*", Syscall),     // the C library's wrapper
    leaf("__libc_recv*", Syscall), // the C library's wrapper
    leaf("recv*", Syscall),       // the C library's wrapper
    leaf("*splice", Syscall),     // the C library's wrapper
    leaf("*asynccancel", Syscall), // the C library's wrapper
    leaf("*syscall*", Syscall),   // the C library's wrapper
    // The program keeps account of messages that are lent to the kernel: its module, and whatever implements its trait.
    leaf("*path4lent*", Completion),
    leaf("*path..lent..*", Completion),
];
