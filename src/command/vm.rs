//! `copycost vm`: another command, in a virtual machine.

use super::{Exit, stop_flag};
use crate::vm::VmArgs;

/// Runs the command in a machine; the command's exit code.
///
/// # Errors
/// When the machine cannot be made, does not come up, or ends before its command.
pub fn run(arguments: &VmArgs) -> anyhow::Result<Exit> {
    arguments.run(&*stop_flag()?).map(Exit::OfCommand)
}
