//! The sink: a TCP connection whose receiving end drops the payload before the kernel copies it, and is acknowledged for
//! all the same. To the sender it is a network card that reads pages where they are.
//!
//! On a veth pair the kernel copies a MSG_ZEROCOPY payload when the skb enters the receiver's stack
//! (`skb_orphan_frags_rx`). nftables' `netdev` hook `ingress` comes before that (`nf_ingress` in
//! `__netif_receive_skb_core`), so a rule there that drops the sender's segments lets their pages go uncopied. Somebody
//! must then acknowledge what was sent:
//!
//! ```text
//!   sender's socket ──► veth ══► veth ─► nf_ingress: drop ([`DropRule`])
//!         ▲  │ TCP_INFO: bytes sent ([`SenderSocket`])
//!         │  └──────────────► acknowledger: how far, and when ([`Acknowledger`])
//!         └── veth ◄══ veth ◄── bare ACK by a packet socket ([`Acks`])
//! ```
//!
//! The connection is made by real TCP; its sequence numbers are read by TCP_REPAIR ([`Repaired`]), which also keeps the
//! receiving socket from answering for itself. Nothing is acknowledged that was not sent. All of it works in a user
//! namespace, without root.

mod acknowledger;
mod acks;
mod drop_rule;
mod repaired;
mod sender;

pub(crate) use acknowledger::{Acknowledger, Due, Pace};
pub(crate) use acks::Acks;
pub(crate) use drop_rule::DropRule;
pub(crate) use repaired::Repaired;
pub(crate) use sender::{SenderSocket, allow_readers, forbid_readers};
