//! Which function means which category: the whole knowledge of the attribution, one rule a line.
//!
//! Two questions are asked of a chain, each from the leaf outward, and for one frame the first rule decides.
//!
//! - Where the leaf copies ([`copies::ROUTINES`]), only rules on copies ([`copies::COPIES`]) are asked: which
//!   copy is it? A copy that none of them knows is an unknown copy, and no rule on devices or TCP hides it. The
//!   leaves differ between CPUs and kernels, their callers say what is copied.
//! - Any other leaf is named by the first frame that any rule knows. `_raw_spin_unlock_irqrestore` and
//!   `_raw_spin_unlock_irq` have no rule: the timer's samples of a whole interrupts-off region fall there.
//!
//! Names are of Linux 4.14 to 6.18 unless a line says otherwise. `name*` is a prefix, `*name*` a part, anything
//! else the whole name.

pub(super) mod copies;
pub(super) mod kernel;
pub(super) mod marks;
pub(super) mod user;

use crate::record::category::Category;

/// Where in a chain a rule may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRole {
    /// In any frame.
    Any,
    /// In the leaf alone: as a caller it would swallow whatever no rule knows.
    Leaf,
    /// In any caller of a leaf that copies.
    Copying,
    /// In a copying leaf's own caller alone.
    Direct,
    /// As `Copying`, where the caller copies headers and packets of at most 256 bytes and leaves larger ones
    /// where they are: payload only when messages are that small.
    Small,
}

/// What a function in a call chain means.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The function's name.
    pub pattern: &'static str,
    /// What it means.
    pub category: Category,
    /// In which frames the rule applies.
    pub place: FrameRole,
}

const fn any(pattern: &'static str, category: Category) -> Rule {
    Rule { pattern, category, place: FrameRole::Any }
}

const fn leaf(pattern: &'static str, category: Category) -> Rule {
    Rule { pattern, category, place: FrameRole::Leaf }
}

const fn copying(pattern: &'static str, category: Category) -> Rule {
    Rule { pattern, category, place: FrameRole::Copying }
}

const fn direct(pattern: &'static str, category: Category) -> Rule {
    Rule { pattern, category, place: FrameRole::Direct }
}

const fn small(pattern: &'static str, category: Category) -> Rule {
    Rule { pattern, category, place: FrameRole::Small }
}

/// Whether a pattern knows a function of this name.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), _) => name.contains(rest.trim_end_matches('*')),
        (None, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == pattern,
    }
}

impl Rule {
    /// Whether the rule knows a function of this name.
    pub fn knows(&self, name: &str) -> bool {
        matches(self.pattern, name)
    }
}

#[cfg(test)]
mod tests {
    use super::copies::{COPIES, is_copying};
    use super::kernel::KERNEL;
    use super::user::USER;
    use super::*;
    use crate::record::category::Category::{
        Allocation, BelowTcpCopy, Completion, KernelCopy, SchedulingIdle, Splice, Syscall, TcpIp,
    };

    fn first(rules: &[Rule], name: &str) -> Option<Category> {
        rules.iter().find(|rule| rule.knows(name)).map(|rule| rule.category)
    }

    #[test]
    fn a_pattern_is_a_name_a_prefix_or_a_part() {
        assert!(any("kfree", Allocation).knows("kfree"));
        assert!(!any("kfree", Allocation).knows("kfree_skbmem"));
        assert!(any("tcp_*", TcpIp).knows("tcp_ack"));
        assert!(!any("tcp_*", TcpIp).knows("__tcp_ack"));
        assert!(any("*memcg*", Allocation).knows("try_charge_memcg"));
    }

    #[test]
    fn the_special_case_comes_before_its_family() {
        assert_eq!(first(KERNEL, "tcp_stream_alloc_skb"), Some(Allocation));
        assert_eq!(first(KERNEL, "sk_wait_data"), Some(SchedulingIdle));
        assert_eq!(first(KERNEL, "ip_recv_error"), Some(Completion));
        assert_eq!(first(KERNEL, "sock_def_readable"), Some(SchedulingIdle));
        assert_eq!(first(KERNEL, "skb_splice_from_iter"), Some(Splice));
    }

    #[test]
    fn no_rule_is_hidden_by_an_earlier_one() {
        for rules in [COPIES, KERNEL, USER] {
            for (place, rule) in rules.iter().enumerate() {
                let name = rule.pattern.trim_matches('*');
                let by = rules.iter().position(|rule| rule.knows(name));
                assert_eq!(
                    by,
                    Some(place),
                    "{} is decided by {:?}",
                    rule.pattern,
                    by.map(|by| rules[by].pattern)
                );
            }
        }
    }

    #[test]
    fn copying_leaves_are_known_by_every_name_and_have_no_rule() {
        for name in [
            "rep_movs_alternative",
            "memcpy",
            "memcpy_orig",
            "memcpy_erms",
            "__memcpy",
            "__pi_memcpy",
            "__memmove",
            "memcpy_flushcache",
            "copy_user_enhanced_fast_string",
            "copy_user_generic_unrolled",
            "__copy_user_nocache",
            "copy_mc_enhanced_fast_string",
            "copy_page",
            "copy_page_regs",
            "_copy_from_user",
            "_copy_to_user",
            "raw_copy_from_user",
            "__arch_copy_from_user",
            "__pi_copy_page",
        ] {
            assert!(is_copying(name), "{name}");
            assert_eq!(first(KERNEL, name), None, "{name}");
            assert_eq!(first(COPIES, name), None, "{name}");
        }
        assert!(is_copying("csum_partial_copy_generic"), "though its family only adds up");
        for name in ["skb_copy_bits", "copy_process", "tcp_sendmsg_locked", "clear_page_erms", "memset"] {
            assert!(!is_copying(name), "{name}");
        }
    }

    #[test]
    fn small_copies_with_a_known_caller_are_no_payload() {
        for name in
            ["copy_msghdr_from_user", "put_cmsg", "move_addr_to_user", "__import_iovec", "tcp_getsockopt"]
        {
            assert_eq!(first(COPIES, name), Some(Syscall), "{name}");
        }
        assert_eq!(first(COPIES, "nft_do_chain"), Some(TcpIp));
        assert_eq!(first(COPIES, "_copy_from_iter_nocache"), Some(KernelCopy));
        assert_eq!(first(COPIES, "skb_segment"), Some(BelowTcpCopy));
    }
}
