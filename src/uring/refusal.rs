//! Why a ring cannot be made or set up here, and what helps.

use std::io;

use crate::failure::{Failure, told};

/// Who may use io_uring, in Linux 6.6 and newer: 0 everybody, 1 a group and who has CAP_SYS_ADMIN, 2 nobody.
const DISABLED: &str = "/proc/sys/kernel/io_uring_disabled";

/// What io_uring_setup(2) refused, of a ring that takes this version of Linux.
#[cold]
pub(crate) fn of_setup(error: &io::Error, linux: &str) -> Failure {
    let disabled = std::fs::read_to_string(DISABLED).ok().and_then(|text| text.trim().parse().ok());
    Failure::Unsupported(judge(error, disabled, linux))
}

/// What a refusal means, by what the sysctl says.
fn judge(error: &io::Error, disabled: Option<u32>, linux: &str) -> String {
    let why = match (error.raw_os_error(), disabled) {
        (Some(libc::EPERM), Some(2)) => {
            "kernel.io_uring_disabled is 2; `sysctl -w kernel.io_uring_disabled=0`, as root"
        }
        (Some(libc::EPERM), Some(1)) => {
            "kernel.io_uring_disabled is 1; `sysctl -w kernel.io_uring_disabled=0`, as root, or run with CAP_SYS_ADMIN, \
             or in the group kernel.io_uring_group"
        }
        (Some(libc::EPERM | libc::EACCES), _) => {
            "a sandbox refuses it; container engines (Docker 25 and newer, containerd) leave io_uring out of their default \
             seccomp profile: run with `--security-opt seccomp=unconfined`, or with a profile that allows io_uring_setup, \
             io_uring_enter and io_uring_register"
        }
        (Some(libc::ENOSYS), _) => {
            "the kernel was built without CONFIG_IO_URING, or a sandbox hides it; in a container run with \
             `--security-opt seccomp=unconfined`"
        }
        (Some(libc::EINVAL), _) => {
            return format!("io_uring_setup: {error}; it takes Linux {linux} or newer");
        }
        (Some(libc::ENOMEM), _) => "no memory for the ring; raise the locked-memory limit (ulimit -l)",
        _ => return format!("io_uring_setup: {}", told(error)),
    };
    format!("io_uring_setup: {error}; {why}")
}

/// What registering something with a ring refused.
#[cold]
pub(crate) fn of_registering(what: &str, error: &io::Error) -> Failure {
    let why = match error.raw_os_error() {
        Some(libc::ENOMEM) => "raise the locked-memory limit (ulimit -l unlimited), or grant CAP_IPC_LOCK",
        Some(libc::EPERM | libc::EACCES) => {
            "a sandbox refuses io_uring_register; in a container run with `--security-opt seccomp=unconfined`"
        }
        Some(libc::EINVAL) => "this kernel cannot; it takes a newer one",
        _ => return Failure::Unsupported(format!("io_uring: registering {what}: {error}")),
    };
    Failure::Unsupported(format!("io_uring: registering {what}: {error}; {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_remedy() {
        for (error, disabled, part) in [
            (libc::EPERM, Some(2), "sysctl -w kernel.io_uring_disabled=0"),
            (libc::EPERM, Some(1), "kernel.io_uring_group"),
            (libc::EPERM, Some(0), "seccomp=unconfined"),
            (libc::EPERM, None, "seccomp=unconfined"),
            (libc::ENOSYS, None, "CONFIG_IO_URING"),
            (libc::EINVAL, None, "5.19"),
            (libc::ENOMEM, Some(0), "ulimit -l"),
            (libc::EMFILE, Some(0), "ulimit -n"),
        ] {
            let said = judge(&io::Error::from_raw_os_error(error), disabled, "5.19");
            assert!(said.contains(part) && said.starts_with("io_uring_setup: "), "{error}: {said}");
        }
        let short = of_registering("4 MiB of buffers", &io::Error::from_raw_os_error(libc::ENOMEM));
        assert!(
            matches!(&short, Failure::Unsupported(why) if why.contains("4 MiB") && why.contains("ulimit -l"))
        );
    }
}
