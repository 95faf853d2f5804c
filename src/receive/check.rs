//! What is done with received bytes: chosen by type, so that a path's loop has no branch.

use crate::cell::Payload;
use crate::failure::Failure;
use crate::pattern::Verifier;
use crate::setup::Setup;

/// Looks at received bytes, wherever a path has them.
pub(super) trait Check: Send + Sized {
    /// For a stream that is opened so.
    fn new(setup: &Setup) -> Self;

    /// Looks at the next bytes of the stream.
    fn check(&mut self, bytes: &[u8]) -> Result<(), Failure>;
}

/// Does not look.
pub(super) struct Trust;

impl Check for Trust {
    fn new(_: &Setup) -> Self {
        Self
    }

    fn check(&mut self, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

impl Check for Verifier {
    fn new(setup: &Setup) -> Self {
        Self::new(setup.pattern, setup.message_bytes as u64, setup.payload == Payload::Fresh)
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Self::check(self, bytes).map_err(|mismatch| Failure::Failed(format!("verification: {mismatch}")))
    }
}

/// Makes a path of the generic type `$path<Trust>` or `$path<Verifier>`, as the stream is to be verified or not.
macro_rules! open_by_check {
    ($path:ident) => {
        |setup, socket| {
            Ok(if setup.verify {
                Box::new($path::<$crate::pattern::Verifier>::open(setup, socket)?)
            } else {
                Box::new($path::<$crate::receive::check::Trust>::open(setup, socket)?)
            })
        }
    };
}
pub(super) use open_by_check;
