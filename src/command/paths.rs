//! `copycost paths`: what there is, and what each path copies.

use comfy_table::{Table, presets};

use super::{Exit, print};
use crate::{path, receive};

/// Prints the paths.
///
/// # Errors
/// When standard output cannot be written.
pub fn run() -> anyhow::Result<Exit> {
    let mut sends = Table::new();
    sends.load_style(presets::NOTHING);
    sends.set_header([
        "send path",
        "",
        "user space",
        "veth, bridge, loopback",
        "NIC with scatter-gather",
        "",
    ]);
    for entry in path::REGISTRY {
        let promise = entry.promise;
        sends.add_row([
            entry.name,
            entry.alias.unwrap_or_default(),
            &promise.user.to_string(),
            &promise.on_this_host(),
            &promise.kernel.to_string(),
            entry.about,
        ]);
    }
    let mut receives = Table::new();
    receives.load_style(presets::NOTHING);
    receives.set_header(["receive path", "into user space", ""]);
    for entry in receive::REGISTRY {
        receives.add_row([entry.name, &entry.copies.to_string(), entry.about]);
    }
    print(&format!(
        "Bytes that the CPU copies for each payload byte, as labelled; a run shows whether it is so.\n\n{}\n\n{}\n\n\
         A deferred copy is made by the kernel after the call, because the skb is delivered on the same host;\n\
         the completions of zero-copy say so (zc_copied in trials.csv).\n",
        sends.trim_fmt(),
        receives.trim_fmt()
    ))?;
    Ok(Exit::Success)
}
