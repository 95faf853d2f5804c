//! The link between the two agents: network namespaces, the veth pair that joins them, and what the kernel
//! says of an interface.
//!
//! - [`namespace`]: an agent process enters a network namespace of its own, as root or without.
//! - [`pair`]: a short-lived process joins two namespaces by one veth pair.
//! - `neighbour`: each end is told who the other is, and never asks.
//! - [`borrow`]: two existing interfaces, lent to a lab and restored afterwards.
//! - [`pair_netns`]: where an agent in a container keeps its end of a direct pair, past packet filters.
//! - [`wire`]: an agent reads back what its traffic goes through.
//! - [`reading`]: what two agents read, put together: which wire that is.
//! - [`traffic`]: what came by an interface.
//! - [`ethernet`]: the addresses of a link on which frames are written by hand.
//! - [`netem`]: a delay, loss and a rate that a link has not got by itself.
//! - [`offload`]: the offloads of an interface, read and set.
//! - [`args`]: the command `copycost link`.
//!
//! Everything goes through netlink and ioctls; no `ip`, `ethtool` or `nsenter` is needed.

pub(crate) mod borrow;
pub(crate) mod child;
mod ethernet;
mod ethtool;
mod journal;
pub(crate) mod namespace;
mod neighbour;
pub(crate) mod netem;
pub(crate) mod offload;
pub(crate) mod pair;
pub(crate) mod pair_netns;
pub(crate) mod reading;
mod refusal;
mod rtnl;
mod saved;
mod taps;
mod traffic;
mod up;
pub(crate) mod wire;

#[cfg(test)]
mod disturbance;
#[cfg(test)]
mod tests;

pub(crate) use borrow::{Borrowed, Loan, recover};
pub(crate) use ethernet::Ethernet;
pub(crate) use namespace::{Entered, NsRef, enter_new_netns, join_user_ns_then_new_netns};
pub(crate) use offload::Offload;
pub(crate) use pair::{LinkSpec, create};
pub(crate) use pair_netns::PairNetns;
pub(crate) use reading::WireReading;
pub(crate) use refusal::Refusal;
pub(crate) use traffic::Traffic;
pub(crate) use up::bring_up;
pub(crate) use wire::{WireEnd, end_of};
