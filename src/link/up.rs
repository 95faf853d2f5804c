//! Bringing an interface up.

use anyhow::{Context, Result};

use super::rtnl::Rtnl;

/// Brings an interface of this process's network namespace up.
///
/// # Errors
/// When there is no such interface, or the right is missing.
pub(crate) fn bring_up(interface: &str) -> Result<()> {
    let mut rtnl = Rtnl::open().context("cannot open a netlink socket")?;
    let found = rtnl.by_name(interface)?.with_context(|| format!("there is no interface {interface}"))?;
    rtnl.set_up(found.index).with_context(|| format!("cannot bring {interface} up"))
}
