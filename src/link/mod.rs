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
//! - [`offload`]: the offloads of an interface, read and set.
//! - [`args`]: the command `copycost link`.
//!
//! Everything goes through netlink and ioctls; no `ip`, `ethtool` or `nsenter` is needed.

pub mod borrow;
pub mod child;
mod ethtool;
mod journal;
pub mod namespace;
mod neighbour;
pub mod offload;
pub mod pair;
pub mod pair_netns;
pub mod reading;
mod refusal;
mod rtnl;
mod saved;
mod taps;
mod traffic;
mod up;
pub mod wire;

#[cfg(test)]
mod disturbance;
#[cfg(test)]
mod tests;

pub use borrow::{Borrowed, Loan, recover};
pub use namespace::{Entered, NsRef, enter_new_netns, join_user_ns_then_new_netns};
pub use offload::Offload;
pub use pair::{LinkSpec, Made, create, delete};
pub use pair_netns::PairNetns;
pub use reading::WireReading;
pub use refusal::Refusal;
pub use traffic::Traffic;
pub use up::bring_up;
pub use wire::{WireEnd, describe, end_of, interface_of, interface_towards};
